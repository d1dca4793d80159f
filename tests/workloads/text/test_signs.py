"""Signs before and after, as a Chinese reader expects them; and what must stay as it is."""

import pytest

from workloads.text.normalise import normalise

CHANGED = [
    ("增长１２．５％，约３／４。", "增长12.5%，约3/4。"),
    ("邮箱ｌｉｎ＠ｅｘａｍｐｌｅ．com", "邮箱lin@example.com"),
    ("会议时间：１４：３０至１６：００", "会议时间：14:30至16:00"),
    ("Ａ＋Ｂ＝Ｃ，且Ａ＞０", "A+B=C，且A>0"),
    ("編號Ｂ－２０２＃", "編號B-202#"),
    ("⼈⼯智能与⽤⼾体验", "人工智能与用户体验"),
    ("⻓江⻔户，⻛⻢牛不相及", "长江门户，风马牛不相及"),
    ("\uf9dc\uf914", "\u9686\u6a02"),
    ("︽山海經︾卷一︒", "《山海經》卷一。"),
    ("他說｢好｣､她也說｢好｣｡", "他說「好」、她也說「好」。"),
    ("葛\U000e0100城和辻\U000e0101村", "葛城和辻村"),
    ("你好\ufe0f世\ufe00界", "你好世界"),
    ("图\ufffc片", "图片"),
    ("今天天气很好,我们去了公园.", "今天天气很好，我们去了公园。"),
    ("他问:你去不去?我说:去!", "他问：你去不去？我说：去！"),
    ("原告诉称,被告拒不履行；请求判令：", "原告诉称，被告拒不履行；请求判令："),
    ("你来了吗?\n来了!\n", "你来了吗？\n来了！"),
    ("第一行，说完了. \r\n第二行,也完了。", "第一行，说完了。\n第二行，也完了。"),
]
KEPT = [
    "天气晴☀️，出门❤️。",
    "按 1️⃣ 键继续",
    "姓名,年龄,城市",
    "张三,男,北京",
    'print("错误:文件不存在") # 读取,解析',
    "if 数量 != 0 { 返回,退出! }",
    "见 https://example.com/路径,参数?值=1",
    "乔治.布什和约翰.史密斯来访。",
    "版本 3.11,参数 a, b",
    "比分3:2，时间14:30",
    "价格1,234元，折扣8.5折",
    "甲．乙兩造，各執一詞",
    "￥100～￥200",
    "請參閱＜安裝程式＞",
    "［净］念我到此求科举",
    "中国－中南半岛经济走廊",
    "“引用”，（说明）；《书名》！",
    "| 名称 | 说明,备注 |",
    "等等...还有吗",
]


@pytest.mark.parametrize(("raw", "clean"), CHANGED)
def test_signs_are_settled(raw: str, clean: str) -> None:
    assert normalise(raw) == clean


@pytest.mark.parametrize("text", KEPT)
def test_signs_that_are_meant_stay(text: str) -> None:
    assert normalise(text) == text


@pytest.mark.parametrize("text", [raw for raw, _ in CHANGED] + KEPT)
def test_settling_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
