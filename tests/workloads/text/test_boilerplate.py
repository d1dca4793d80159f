"""Lines that belong to a page go, lines that belong to the text stay."""

import pytest

from workloads.text.boilerplate import can_recur, is_boilerplate, strip_boilerplate

PAGE = [
    "首页 | 新闻中心 | 关于我们 | 联系我们",
    "首页新闻中心产品中心联系我们",
    "首页 | 新闻 | 村志 | 关于我们",
    "返回顶部",
    "[返回列表]",
    "您现在的位置：首页 > 新闻 > 行业动态",
    "首页 > 村志 > 正文",
    "点击展开更多",
    "展开全文",
    "【点击查看全文】",
    "阅读更多……",
    "版权所有 © 2021 清河镇文化站",
    "© 2024 某某网 版权所有，未经许可不得转载。",
    "Copyright © 2020 Example Inc. All Rights Reserved.",
    "京ICP备12345678号-1",
    "未经授权，严禁转载本站内容。",
    "转载请注明出处。",
    "分享到：微信 微博 QQ空间",
    "扫描二维码关注我们的公众号",
    "长按识别二维码，关注公众号",
    "责任编辑：张三",
    "来源：某某日报 作者：李四 发布时间：2020-01-01",
    "阅读 1024 点赞 56 评论 7",
    "点赞 收藏 分享 评论",
    "上一篇：春耕开始了",
    "相关阅读：",
    "免责声明：本文仅代表作者个人观点，与本站无关。",
]
TEXT = [
    "他把首页翻开，看见祖父的名字。",
    "春天到了，人们开始种树。",
    "第一章 总则",
    "来源于民间的故事最动人。",
    "作者在书里写道，版权属于全村人，这是大家一起定下的规矩，谁也不能改。",
    "请关注孩子的成长。",
    "老王说：“转载的时候记得告诉我一声。”",
    "产品",
    "返回",
    "注册 | 用法",
    "村志 | 家谱 | 县志",
    "新闻",
    "问：你叫什么名字？",
    "我们分享了一块饼。",
    "小",
    "## 版权声明",
    "close(c)",
    "上一篇文章讲了如何种树，下一篇讲如何修枝。",
    "本站是全线海拔最高的一站。",
]


@pytest.mark.parametrize("line", PAGE)
def test_what_belongs_to_the_page(line: str) -> None:
    assert is_boilerplate(line)


@pytest.mark.parametrize("line", TEXT)
def test_what_belongs_to_the_text(line: str) -> None:
    assert not is_boilerplate(line)


def test_the_document_stays_without_its_boilerplate() -> None:
    text = "首页 > 村志 > 正文\n\n清河村在山脚下，一条河穿村而过。\n\n点击展开更多\n\n村里有座石桥。\n版权所有 © 2021 清河村"
    assert strip_boilerplate(text) == ("清河村在山脚下，一条河穿村而过。\n\n村里有座石桥。", 3)


def test_recurring_lines_are_told_from_outside() -> None:
    assert strip_boilerplate("清河网\n正文在此。", lambda line: line == "清河网") == ("正文在此。", 1)


@pytest.mark.parametrize(
    "line", ["第一章 总则", "第 12 條", "# 标题", "| 列 | 列 |", "问：你好", "1. 甲", "（二）乙", "对。", "——", "> [!NOTE]"]
)
def test_what_recurs_rightly(line: str) -> None:
    assert not can_recur(line)


@pytest.mark.parametrize("line", ["清河网", "清河镇政府主办", "[!include [banner](../includes/banner.md)]"])
def test_what_may_be_boilerplate_when_it_recurs(line: str) -> None:
    assert can_recur(line)
