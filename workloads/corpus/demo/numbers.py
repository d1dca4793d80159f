"""Chinese numerals for the small numbers of the world."""

_DIGITS = "零一二三四五六七八九"


def numeral(number: int) -> str:
    """0 to 99 in Chinese, as one counts: 12 -> 十二."""
    if not 0 <= number <= 99:
        raise ValueError(f"numeral() writes 0 to 99, not {number}")
    tens, ones = divmod(number, 10)
    if tens == 0:
        return _DIGITS[ones]
    return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")


def amount(number: int) -> str:
    """A numeral before a measure word: 2 is 两."""
    return "两" if number == 2 else numeral(number)
