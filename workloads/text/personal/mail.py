"""E-mail addresses."""

import re

from workloads.text.personal.kind import Kind

_GENERIC = (
    "com|net|org|edu|gov|mil|int|info|biz|name|mobi|asia|pro|top|vip|xyz|club|site|online|shop|store|tech|app|dev|cloud|ltd|group"
    "|wang|ink|art|fun|work|email|mail|live|link|team|world|today|life|media|news|studio|design|digital|systems|network|space"
)
_NO_COUNTRY = "py|js|ts|rs|md|so|sh|go|gz|xx|en"  # endings of files, and what stands in examples
_END = f"(?:{_GENERIC}|(?!(?:{_NO_COUNTRY})(?![0-9A-Za-z]))[a-z]{{2}}|xn--[a-z0-9]{{3,20}}|中国|公司|网络)"
_CREDENTIALS = re.compile(r"://[^\s/@]*$")
_LOGIN = re.compile(r"(?:ssh|scp|sftp|rsync|telnet|mosh)(?:[ ]-?[^\s]+){0,3}[ ]$")
_PATH = re.compile(r":(?:[A-Za-z~/]|[0-9]+/)")
_PROGRAMS = re.compile(r"(?i)^(?:git|svn|hg|root|admin|user|username)$")
_ALGORITHMS = re.compile(r"@(?:openssh[.]com|libssh[.]org)$")  # names of ciphers


def _accept(text: str, found: re.Match[str]) -> bool:
    """Not a login in a URL or of a shell, nor where a repository lies (git@host:path), nor the name of a cipher or of a machine."""
    start = found.start()
    if _CREDENTIALS.search(text, max(0, start - 80), start) or _LOGIN.search(text, max(0, start - 60), start):
        return False
    if found["user"] == "root" or _ALGORITHMS.search(found.group()):
        return False
    return not (_PROGRAMS.match(found["user"]) and _PATH.match(text, found.end()))


EMAIL = Kind(
    "email",
    "邮箱",
    "e-mail address",
    re.compile(
        r"(?<![0-9A-Za-z])(?P<user>[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_])?)(?:@|[ ]@[ ](?=(?:qq|163|126|gmail|sina|foxmail)[.])|[(\[]at[)\]])"
        rf"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?[.．。](?![.．。])){{1,5}}(?i:{_END})(?![A-Za-z0-9]|[.-][A-Za-z0-9])"
    ),
    _accept,
    gate=re.compile(r"[@(\[](?:(?<=@)|at[)\]])"),
)
