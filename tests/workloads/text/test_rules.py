"""Each rule on Chinese pairs: the bad text is dropped by that rule, the good one kept by all."""

import math

import pytest

from workloads.corpus.spec import CorpusSpec
from workloads.text.quality import entropy
from workloads.text.repetition import repeated_share
from workloads.text.rules import RULES, build_rules, judge

STORY = (
    "立春过后，村里的木匠陈师傅把铺子的门板一块块卸下来，扫净了满地的刨花。隔壁的王婶端来一碗热豆浆，"
    "说是儿子从县城捎信回来，下个月要娶亲，想请他打一对樟木箱子。陈师傅放下刨子，问清了尺寸和样式，"
    "又到后院挑了几块晾了三年的好料。他说：“箱子要用一辈子，料不能将就。”"
)
LAW = (
    "第一条 为了保护民事主体的合法权益，调整民事关系，制定本办法。\n第二条 自然人的民事权利能力一律平等。\n"
    "第三条 自然人下落不明满二年的，利害关系人可以向人民法院申请宣告该自然人为失踪人。\n"
    "第四条 自然人下落不明的时间自其失去音讯之日起计算。"
)
POEM = "山居\n一径入松雪，数峰生暮寒。\n山僧不下榻，客至煮茶看。"
MANUAL = (
    "使用 `git clone` 下载代码后，运行 `pip install -e .` 安装依赖。如果报错 ModuleNotFoundError，请检查 Python 版本是否为 3.11，"
    "再执行 `python -m venv .venv` 建立虚拟环境。"
)
DIALOGUE = (
    "问：三加五等于几？\n答：三加五等于八。\n问：四加五等于几？\n答：四加五等于九。\n问：谁教你的？\n答：是李老师教我的。"
)
TRADITIONAL = "立春過後，村裡的木匠陳師傅把鋪子的門板一塊塊卸下來，掃淨了滿地的刨花。"
GOOD = {"story": STORY, "law": LAW, "poem": POEM, "manual": MANUAL, "dialogue": DIALOGUE, "traditional": TRADITIONAL}

BAD = [
    ("length", "图片已删除"),
    ("length", "好的。"),
    ("han_share", "The quick brown fox jumps over the lazy dog, and nobody in the whole village noticed it at all."),
    (
        "han_share",
        "<div class='nav'><a href='/index.html'>首页</a><a href='/about.html'>关于</a><script src='x.js'></script></div>",
    ),
    ("repetition", "全场五折，抢购从速！" * 60),
    ("repetition", "买一送一，先到先得！" * 20),
    ("repetition", STORY[:40] * 12),
    ("mojibake", STORY.encode().decode("latin-1")),
    ("mojibake", STORY.encode().decode("gb18030", "replace")),
    ("mojibake", STORY.encode("gb18030").decode("latin-1")),
    ("mojibake", STORY.encode("gb18030").decode("utf-8", "replace")),
    ("mojibake", "锟斤拷" * 30 + STORY[:30]),
    ("variety", "哈哈哈哈哈呵呵呵哈哈嘿嘿哈哈，哈呵哈哈哈。"),
    ("sentences", "手机 电脑 特价 包邮 优惠 促销 秒杀 正品 代购 女装 男鞋 箱包 美妆 数码 家电 母婴 团购 红包 返利 折扣"),
    ("sentences", "手机、电脑、特价、包邮、优惠、促销、秒杀、正品、代购、女装、男鞋、箱包、美妆、数码、家电、母婴、团购、红包"),
]


@pytest.fixture(scope="module")
def spec() -> CorpusSpec:
    return CorpusSpec()


@pytest.mark.parametrize("name", GOOD)
def test_good_chinese_passes_every_rule(name: str, spec: CorpusSpec) -> None:
    verdict = judge(GOOD[name], build_rules(spec.thresholds()))
    assert verdict.keep, verdict


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_bad_text_is_dropped_by_its_rule(rule: str, text: str, spec: CorpusSpec) -> None:
    verdict = judge(text, build_rules(spec.thresholds()))
    assert (verdict.keep, verdict.rule) == (False, rule), verdict


def test_every_rule_has_a_bad_text_and_a_threshold(spec: CorpusSpec) -> None:
    assert {rule for rule, _ in BAD} == {rule.name for rule in RULES} == set(spec.thresholds())


def test_the_verdict_carries_the_measured_value(spec: CorpusSpec) -> None:
    assert judge("好的。", build_rules(spec.thresholds())).value == 3.0


def test_repetition_is_measured_on_letters_only() -> None:
    assert repeated_share("抢购从速！" * 60) > 0.95
    assert repeated_share(STORY) == 0.0
    assert repeated_share("一" * 9) == 0.0


@pytest.mark.parametrize("length", [500, 5000])
def test_repetition_of_short_and_long_text_is_the_same_measure(length: int) -> None:
    text = (STORY * (length // len(STORY) + 1))[:length]
    letters = "".join(character for character in text if character.isalnum())
    grams = [letters[at : at + 10] for at in range(len(letters) - 9)]
    assert repeated_share(text) == pytest.approx(1 - len(set(grams)) / len(grams))


def test_entropy_is_shannons() -> None:
    text = "春春夏 夏夏秋\n冬"
    shares = [2 / 7, 3 / 7, 1 / 7, 1 / 7]
    assert entropy(text) == pytest.approx(-sum(share * math.log2(share) for share in shares))
    assert entropy(" ") == 0.0
