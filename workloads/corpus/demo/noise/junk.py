"""Records that should not be kept: advertising, English, wrongly decoded text, fragments, keyword lists, broken lines."""

import json
import random

from workloads.corpus.demo.noise.base import Junk, Record

_SLOGANS = (
    "全场五折，抢购从速！", "买一送一，先到先得！", "限时促销，马上下单！", "厂家直销，假一赔十！", "清仓大甩卖，最后三天！",
    "扫码领红包，天天有惊喜！", "新店开业，全部八折！", "年终大促，错过再等一年！",
)  # fmt: skip
_KEYWORDS = (
    "手机", "电脑", "特价", "包邮", "优惠", "促销", "秒杀", "正品", "代购", "女装", "男鞋", "箱包", "美妆", "数码", "家电", "母婴",
    "团购", "红包", "返利", "折扣", "批发", "货到付款", "官网", "旗舰店", "新款", "爆款", "热卖", "清仓", "赠品", "会员", "积分",
    "优惠券", "同款", "大牌", "尾货", "限量", "预售", "抢购", "七天退换", "全国联保", "分期", "免息",
)  # fmt: skip
_FRAGMENTS = (
    "好的。", "收到，谢谢！", "转发了。", "沙发！", "顶一下。", "哈哈哈", "路过看看", "不错不错。", "同意楼上。", "求链接",
    "图片已删除", "暂无内容", "加载中……", "楼主好人", "明天再看", "学习了，支持。", "已阅。", "内容为空",
)  # fmt: skip
_PEOPLE = ("The manager", "Our team", "The customer", "A visitor", "The company", "My neighbor", "The editor", "Every student")
_VERBS = (
    "opened",
    "reviewed",
    "ordered",
    "returned",
    "described",
    "delivered",
    "compared",
    "recommended",
    "installed",
    "missed",
)
_THINGS = ("a new package", "the weekly report", "two old books", "the summer catalog", "a broken printer", "the final invoice",
           "some fresh coffee", "the training video", "a long letter", "the office keys", "our latest product", "a small garden")  # fmt: skip
_TIMES = (
    "on Monday",
    "last night",
    "before lunch",
    "after the meeting",
    "during the holiday",
    "without any delay",
    "in the evening",
)
_ENDS = (
    "and wrote a short note about it",
    "but nobody noticed",
    "because the price was low",
    "and everyone was happy",
    "so we called again",
)


class Slogan(Junk):
    kind = "slogan"
    share = 0.01
    source = "促销"

    def make(self, spare: str, rng: random.Random) -> Record:
        return Record(rng.choice(_SLOGANS) * rng.randint(20, 60), self.source, self.kind)


class English(Junk):
    kind = "english"
    share = 0.015

    def make(self, spare: str, rng: random.Random) -> Record:
        parts = (_PEOPLE, _VERBS, _THINGS, _TIMES, _ENDS)
        sentences = (" ".join(rng.choice(part) for part in parts) + "." for _ in range(rng.randint(3, 7)))
        return Record(" ".join(sentences), self.source, self.kind)


class Mojibake(Junk):
    """UTF-8 that was read as Latin-1 or as GBK."""

    kind = "mojibake"
    share = 0.01

    def make(self, spare: str, rng: random.Random) -> Record:
        data = spare.encode()
        text = data.decode("latin-1") if rng.random() < 0.5 else data.decode("gbk", errors="replace")
        return Record(text, self.source, self.kind)


class Short(Junk):
    kind = "short"
    share = 0.015

    def make(self, spare: str, rng: random.Random) -> Record:
        return Record(rng.choice(_FRAGMENTS), self.source, self.kind)


class KeywordSpam(Junk):
    kind = "keyword_spam"
    share = 0.01
    source = "促销"

    def make(self, spare: str, rng: random.Random) -> Record:
        words = [rng.choice(_KEYWORDS) for _ in range(rng.randint(40, 90))]
        return Record(rng.choice((" ", " | ", "/", "、")).join(words), self.source, self.kind)


class BrokenLine(Junk):
    """A line that no reader can take: invalid UTF-8 inside, JSON cut short, or no JSON at all."""

    kind = "broken_line"
    share = 0.01

    def make(self, spare: str, rng: random.Random) -> Record:
        line = json.dumps({"text": spare, "source": self.source}, ensure_ascii=False).encode()
        middle = line.index("。".encode())  # between two characters
        how = rng.randrange(3)
        if how == 0:
            line = line[:middle] + rng.choice((b"\xff\xfe", b"\xe4\xb8", b"\xc0\xaf")) + line[middle:]
        elif how == 1:
            line = line[:middle]
        else:
            line = rng.choice(("<div>{}</div>", "text={}", "{}")).format(spare.split("\n")[0]).encode()
        return Record("", self.source, self.kind, line=line)
