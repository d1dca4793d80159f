"""Rules on pages made for search engines: lists of keywords, and phrases of advertising."""

import re

from workloads.text.measure import DIVIDERS
from workloads.text.rules.base import Rule
from workloads.text.rules.measured import Measured

_HAN = re.compile("[\u3400-\u9fff]")
_DIVIDER = re.compile(r"[\s、|｜/,·;；_]+")
_CLAUSE_MARK = re.compile("[，。！？：…!?]")
_LONGEST_KEYWORD = 8  # characters
_LEAST_KEYWORDS = 12  # in a row; enumerations in prose and rows of tables are shorter (measured)
_ADVERTISING = re.compile(  # not 供应商, 折扣, 投注 and the like, which statutes and manuals of shop software are full of
    "贵宾会|体育app|体育官网|体育平台|体育下载|娱乐平台|娱乐城|彩票平台|彩票网|幸运飞艇|幸运2[0-9]|澳洲幸运|赛车pk10|时时彩|六合彩|真人荷官|百家乐|老虎机"
    "|app下载|手机版下载|下载手机版|官网登录|平台登录|官网入口|注册送|送彩金|首存|返水|生产厂家|厂家直销|厂家批发|批发价格|量大从优|诚招代理"
    "|加盟热线|现货供应|欢迎来电|欢迎致电|欢迎咨询|欢迎选购|欢迎订购|欢迎新老|免费咨询|立即咨询|咨询热线|订购热线|加微信|全国包邮|限时优惠|限时特价|限时促销"
    "|假一赔十|正品保证|货到付款|代开发票|私家侦探|私家调查|无抵押贷款|信用卡套现|扫码领|领红包|清仓大甩卖|错过再等"
)


class Keywords(Rule):
    """Of the characters, those in runs of at least twelve short words one after another without a mark between clauses."""

    name, at_least = "keywords", False
    meaning = "more than {:.0%} of it are lists of keywords"

    @classmethod
    def measure(cls, text: Measured) -> float:
        if text.most_dividers < _LEAST_KEYWORDS - 1:
            return 0.0
        listed = sum(keyword_characters(line) for line in text.lines if len(line) >= 2 * _LEAST_KEYWORDS)
        return listed / text.line_characters if text.lines else 0.0


def keyword_characters(line: str) -> int:
    """Characters of the runs of keywords in a line, dividers not counted."""
    if sum(map(line.count, DIVIDERS)) < _LEAST_KEYWORDS - 1:
        return 0
    total = run = words = 0
    for word in [*_DIVIDER.split(line), "。"]:
        if 0 < len(word) <= _LONGEST_KEYWORD and _HAN.search(word) and not _CLAUSE_MARK.search(word):
            run, words = run + len(word), words + 1
            continue
        total += run if words >= _LEAST_KEYWORDS else 0
        run = words = 0
    return total


class Advertising(Rule):
    """Of the Han characters, those of phrases in which shops, agencies and gambling sites advertise themselves."""

    name, at_least = "advertising", False
    meaning = "more than {:.0%} of its Han are phrases of advertising"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return sum(map(len, _ADVERTISING.findall(text.text))) / text.han if text.han else 0.0
