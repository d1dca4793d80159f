"""Lines that belong to a page and not to its text: navigation, copyright, share buttons, "read more".

Two ways: patterns for what is boilerplate everywhere, and lines that recur over many documents of one source, which the
corpus stage counts (workloads/corpus/recurring.py) and hands in. A whole line goes or stays.
"""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Codes
from workloads.text.lines import short_lines

MAX_LINE = 80
"""Characters; a longer line is prose and is never taken for boilerplate."""

_MENU = (
    "首页|主页|返回首页|返回顶部|返回列表|返回上一页|网站地图|网站首页|设为首页|加入收藏|关于我们|联系我们|联系方式|联系客服|"
    "新闻中心|新闻资讯|新闻|资讯|产品中心|产品展示|产品|服务|服务中心|解决方案|成功案例|案例|下载中心|下载|帮助中心|帮助|论坛|博客|"
    "社区|视频|图片|专题|登录|注册|免费注册|忘记密码|退出|会员中心|会员登录|个人中心|购物车|搜索|招聘|加入我们|人才招聘|友情链接|"
    "广告服务|法律声明|隐私政策|隐私条款|用户协议|服务条款|意见反馈|在线留言|在线客服|English|繁體中文|简体中文|手机版|电脑版|客户端|"
    "更多|正文|当前位置|您的位置|您现在的位置|上一页|下一页|上一篇|下一篇|目录|收藏|打印|关闭窗口|字号|大|中|小"
)
_SEPARATORS = r"[\s|｜>＞»›/／·•:：\-—\[\]【】()（）_]"
_WHOLE_LINE = (
    r"[\[【]?(?:返回(?:顶部|首页|列表|上一页|目录)|回到顶部|设为首页|加入收藏|网站地图|关闭窗口|打印本页)[\]】]?[\s↑▲^]*",
    r"(?=.*(?:首页|主页|关于我们|联系我们|登录|注册|网站地图))(?:[^，。！？；：|｜]{1,10}[|｜]){2,}[^，。！？；：|｜]{1,10}",  # 首页 | 村志 | 登录
    rf"(?:{_SEPARATORS}*(?:{_MENU})){{3,}}{_SEPARATORS}*",  # 首页 | 新闻 | 关于我们
    rf"(?:{_SEPARATORS}*(?:首页|当前位置|您的位置|您现在的位置){_SEPARATORS}*)(?:[^>＞»›，。]{{1,20}}[>＞»›]\s*){{1,5}}[^>＞»›，。]{{0,30}}",
    r"[【\[（(]?(?:点击|点此|点我|轻触|请点击)?(?:这里)?(?:展开|查看|阅读|显示|加载|浏览)(?:更多|全文|原文|全部|剩余|余下)"
    r"(?:内容|全文|评论|精彩内容|\d+%)?[】\]）)]?[\s.。…>＞»›↓▼∨]*",
    r"(?:收起|展开)(?:全文|更多)?[\s.。…>＞»›↑▲↓▼∨∧]*",
    r"[^，。<>{}#=\"]{0,30}(?:版权所有|著作权所有|All Rights? Reserved|©)[^。<>{}=\"]{0,60}。?",
    r"[^，。<>{}#=\"]{0,30}Copyright\s*(?:©|\(C\)|（C）|@|\d{4})[^。<>{}=\"]{0,60}。?",
    r"[^，。]{0,20}(?:ICP[备证]|公网安备)[^。]{0,40}",
    r"(?:未经|未经本站|未经许可|未经授权|未经书面)[^。]{0,24}(?:不得|禁止|严禁|谢绝)[^。]{0,24}(?:转载|复制|使用|摘编|镜像)[^。]{0,16}。?",
    r"(?:如需)?转载(?:本文)?(?:请|须|需|务必)[^。]{0,6}(?:注明|标明|联系)[^。]{0,30}。?",
    r"(?:一键)?(?:分享|转发)(?:到|至|给|：|:)[^。]{0,10}(?:微信|微博|朋友圈|QQ|好友|豆瓣|空间)[^。]{0,40}",
    r"(?:长按|扫描|扫一扫|扫码|识别|微信扫)[^，。]{0,14}(?:二维码|关注|公众号|小程序|下载|分享)[^。]{0,20}[。！!]?",
    r"(?:欢迎|请|点击|马上|立即)?(?:关注|订阅)(?:我们|本站|本号|官方)?[^，。]{0,10}(?:公众号|微信|微博|头条号|订阅号)[^。]{0,20}[。！!]?",
    r"(?:责任编辑|责编|编辑|文字编辑|图片编辑|校对|审核|来源|稿源|文章来源|作者|记者|发布时间|发布日期|更新时间)[：:]\s*[^，。；]{0,24}"
    r"(?:(?:责任编辑|责编|编辑|校对|来源|作者|发布时间|阅读|浏览|点击)[：:][^，。；]{0,20})+",
    r"[（(【\[]?(?:责任编辑|责编|文字编辑|图片编辑)[：:]\s*[^，。；]{0,16}[）)】\]]?",
    r"(?:浏览|阅读|点击|访问|评论|点赞|收藏|转发)(?:量|数|次数|人数)?[：:\s]*[\d,.]+\s*(?:万|次|人|条)?"
    r"(?:\s*(?:浏览|阅读|点击|评论|点赞|收藏|转发)(?:量|数|次数)?[：:\s]*[\d,.]+\s*(?:万|次|人|条)?)*",
    r"(?:点赞|收藏|转发|分享|评论|打赏|举报|踩|赞|在看|回复)(?:[\s|｜/·()（）\d]*(?:点赞|收藏|转发|分享|评论|打赏|举报|踩|赞|在看|回复))+[\s|｜()（）\d]*",
    r"(?:上一[篇页章]|下一[篇页章])[：:].{0,60}",
    r"[【\[]?(?:相关|推荐|热门|延伸|猜你喜欢|更多)(?:阅读|文章|推荐|新闻|链接|内容|资讯)[】\]]?[：:]?",
    r"(?:免责声明|特别声明|版权声明)[：:][^。]{0,70}。?",
    r"(?:本站|本网站|本网)(?:所有|部分)?(?:内容|文章|资源|图片)[^。]{0,20}(?:来自|来源于|转载自|均为)[^。]{0,30}。?",
)
_BOILERPLATE = re.compile("|".join(f"(?:{pattern})" for pattern in _WHOLE_LINE), re.IGNORECASE)
_WORDS = (  # of which every pattern needs one: most lines are done with this search
    "首页|主页|返回|回到|地图|窗口|打印|位置|点击|点此|展开|收起|查看|阅读|加载|显示|浏览|版权|著作权|Copyright|copyright|COPYRIGHT|©|Reserved|reserved|RESERVED|ICP|安备"
    "|转载|不得|禁止|严禁|谢绝|分享|转发|扫|长按|识别|关注|订阅|编辑|责编|访问|评论|点赞|上一|下一|相关|推荐|热门|延伸|猜你|更多|声明|本站"
    "|本网|登录|注册|联系我们|关于我们|打赏|举报|收藏|产品|服务|新闻|来源|稿源|作者|记者|发布|更新|校对|审核"
)
_LIKELY = re.compile(_WORDS)
_STRUCTURE = re.compile(  # headings, list marks, markup, speakers, whole sentences: they recur rightly
    r"\s*(?:[#|<>]|```|~~~|[-=*_]{3,}|第\s*[〇零一二三四五六七八九十百千\d]{1,6}\s*[编編篇章节節条條款项項回卷部則则]"
    r"|[（(]?[一二三四五六七八九十\d]{1,3}[）)、.．]|[^\s，。：:]{1,8}[：:]|.*[。！？!?…”’」』]$)"
)


def is_boilerplate(line: str) -> bool:
    """Whether the patterns take this whole line for boilerplate."""
    line = line.strip()
    return 0 < len(line) <= MAX_LINE and bool(_LIKELY.search(line)) and bool(_BOILERPLATE.fullmatch(line))


def can_recur(line: str) -> bool:
    """Whether a line may be taken for boilerplate because it recurs: short, with letters, and neither a heading, a list
    mark, markup, a whole sentence, nor something that somebody says (`问：…`), which recur rightly."""
    return 2 <= len(line) <= MAX_LINE and any(c.isalpha() for c in line) and not _STRUCTURE.match(line)


def strip_column(texts: Codes, seeds: NDArray[np.uint64], recurring: NDArray[np.uint64]) -> tuple[list[str], NDArray[np.int64]]:
    """Each text without its boilerplate lines, and how many went. `recurring`: the keys, sorted, of the lines that recur,
    each made with its text's seed (see lines.py). What `strip_boilerplate` gives for every text."""
    lines = short_lines(texts, seeds, MAX_LINE, tuple(_WORDS.split("|")))
    recurs = np.isin(lines.keys, recurring)
    lost: dict[int, list[int]] = {}
    for place in np.flatnonzero(lines.likely | recurs).tolist():
        line = lines.text(place)
        if (lines.likely[place] and is_boilerplate(line)) or (recurs[place] and can_recur(line)):
            lost.setdefault(int(lines.texts[place]), []).append(int(lines.numbers[place]))
    kept = [_without(text, lost[index]) if index in lost else text for index, text in enumerate(texts)]
    return kept, np.array([len(lost.get(index, ())) for index in range(len(kept))], np.int64)


def _without(text: str, lost: list[int]) -> str:
    lines = text.split("\n")
    for number in reversed(lost):
        del lines[number]
    return _joined(lines)


def strip_boilerplate(text: str, recurs: Callable[[str], bool] | None = None) -> tuple[str, int]:
    """The text without its boilerplate lines, and how many went. `recurs` tells of a stripped line whether it recurs."""
    lines = text.split("\n")
    kept = [line for line in lines if not is_boilerplate(line) and not (recurs and recurs(line.strip()))]
    removed = len(lines) - len(kept)
    if not removed:
        return text, 0
    return _joined(kept), removed


def _joined(lines: list[str]) -> str:
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n ")
