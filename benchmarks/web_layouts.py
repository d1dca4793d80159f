"""Pages of the layouts that Chinese sites have, written for this project: what of each is main text and what is around it.

Most have no `<nav>`, `<header>` or `<footer>`, only `<div>` and `<table>`, as most Chinese pages do.
"""

from dataclasses import dataclass

BODY = [
    "立春那天，城南的老木匠陈师傅照例起了个大早，把铺子门前的雪扫得干干净净。",
    "他的徒弟小满蹲在炉边烤手，一边烤一边问：“师傅，今年的第一件活儿，咱们做什么？”",
    "陈师傅没有答话，只从墙角搬出一块存了七年的老榆木，用手掌慢慢抹去上面的灰。",
    "“做一张琴桌。”他说，“城西的周先生要搬回来住了，他的琴放在地上，总不是办法。”",
    "榆木性子倔，开料的时候不能急。先要顺着纹理弹线，再用大锯一寸一寸地走，锯末落在地上，带着一股淡淡的酸味。",
    "到了晌午，王婶端来两碗热豆浆，站在门口看了好一会儿，说这木头的花纹像是水波。",
    "陈师傅笑了笑，说水波是急出来的，树长得快，纹路就散；这一块长在背阴的坡上，六十年才这么粗，所以纹路又密又匀。",
    "小满听得入神，手里的豆浆都凉了。他想起自己刚来的那一年，连刨子都推不直，刨出来的花儿断成一截一截的，像是碎纸。",
    "如今他推出来的刨花能从铺子这头一直卷到那头，薄得透光。师傅从来不夸他，只是有一回把自己用了三十年的那把刨子递给了他。",
    "开榫那天下起了雨，屋檐上的水连成一条线。陈师傅量了三遍，才落下第一凿；他说琴桌不同于饭桌，松一分，弹琴的人心里就空一分。",
    "周先生来看过一次，站着不说话，用指节轻轻敲了敲桌面，侧着耳朵听。末了他说：“这声音是活的。”",
    "上漆用了整整一个月，一遍一遍地擦，一遍一遍地晾。等到杏花开的时候，琴桌终于搬进了城西的院子。",
]
SHORT = ["好！", "写得真像，我小时候家门口就有这么一间铺子。", "后来呢？琴桌做好了没有？"]
MENU = ["首页", "国内新闻", "国际新闻", "财经频道", "体育频道", "娱乐八卦", "汽车", "房产", "论坛", "登录", "免费注册"]
RELATED = [
    "春节返程迎来高峰 各地加开列车",
    "专家提醒：雪后出行注意防滑",
    "老字号的新生意经",
    "三月起这些新规开始实施",
    "网红小吃街为何一夜冷清",
]
FOOT = [
    "关于我们 | 联系方式 | 广告服务 | 法律声明 | 网站地图",
    "京ICP备12345678号-1 京公网安备11010502000001号",
    "Copyright © 2006-2026 示例网 版权所有 未经许可不得转载",
]
SHARE = ["分享到微信", "分享到微博", "收藏", "打印本页", "扫一扫，手机阅读更方便"]


@dataclass(frozen=True)
class Page:
    """`main`: the lines that must be kept; `side`: those that must not."""

    name: str
    html: str
    main: tuple[str, ...]
    side: tuple[str, ...]


def _page(head: str, body: str) -> str:
    script = "<script>var _hmt = _hmt || []; document.write('请开启脚本');</script>"
    return f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{head}</title><style>.a{{}}</style></head><body>{script}{body}</body></html>"


def _links(lines: list[str]) -> str:
    return "".join(f"<li><a href='/l/{index}.html'>{line}</a></li>" for index, line in enumerate(lines))


def _paragraphs(lines: list[str]) -> str:
    return "".join(f"<p>　　{line}</p>" for line in lines)


def _news() -> Page:
    body = (
        f"<div class='topbar'><ul>{_links(MENU)}</ul></div><div class='crumb'>您的位置：<a>首页</a> &gt; <a>社会</a> &gt; 正文</div>"
        f"<div class='wrap'><div class='left'><h1>老木匠的琴桌</h1><div class='info'>2026-02-04 08:30 来源：示例晚报 编辑：李四</div>"
        f"<div class='content' id='artibody'>{_paragraphs(BODY)}</div><div class='share'>{''.join(f'<a>{x}</a>' for x in SHARE)}</div></div>"
        f"<div class='right'><h3>热门推荐</h3><ul>{_links(RELATED)}</ul></div></div><div class='bottom'>{''.join(f'<p>{x}</p>' for x in FOOT)}</div>"
    )
    return Page("news, div", _page("老木匠的琴桌_社会_示例网", body), tuple(BODY), (*MENU[:8], *RELATED, *FOOT, *SHARE))


def _table() -> Page:
    menu = "".join(f"<td><a href=#>{line}</a></td>" for line in MENU)
    text = "<br><br>".join(f"&nbsp;&nbsp;&nbsp;&nbsp;{line}" for line in BODY)
    links = "".join(f"<tr><td>· <a href=#>{line}</a></td></tr>" for line in RELATED)
    body = (
        f"<table width=100%><tr>{menu}</tr></table><table><tr><td width=180><table><tr><td>栏目导航</td></tr>{links}</table></td>"
        f"<td><table><tr><td align=center><b>老木匠的琴桌</b></td></tr><tr><td>{text}</td></tr></table></td></tr></table>"
        f"<table><tr><td align=center>{'<br>'.join(FOOT)}</td></tr></table>"
    )
    return Page("old, table and br", _page("老木匠的琴桌", body), tuple(BODY), (*MENU[:8], *RELATED, *FOOT))


def _message() -> Page:
    spans = "".join(f"<section><span style='font-size:16px'>{line}</span></section>" for line in BODY)
    body = (
        f"<div id='page-content'><h1 class='rich_media_title'>老木匠的琴桌</h1><div id='meta'>原创 示例号 2026-02-04</div>"
        f"<div id='js_content' class='rich_media_content'>{spans}</div></div>"
        f"<div class='qr'><p>长按二维码，关注我们</p><p>微信扫一扫赞赏作者</p></div><div>阅读原文 点赞 在看</div>"
    )
    return Page(
        "message, section and span", _page("老木匠的琴桌", body), tuple(BODY), ("长按二维码，关注我们", "微信扫一扫赞赏作者")
    )


def _forum() -> Page:
    posts = [" ".join(BODY[:3]), *SHORT, BODY[4], " ".join(BODY[5:9])]
    rows = "".join(
        f"<div class='post'><div class='author'>网友{n} 积分 {n * 37}</div><div class='t_f'>{text}</div><div>发表于 2026-2-{n + 1} 回复 举报</div></div>"
        for n, text in enumerate(posts)
    )
    body = f"<div id='nv'><ul>{_links(MENU)}</ul></div><h2>[原创] 老木匠的琴桌</h2>{rows}<div id='ft'>{'<br>'.join(FOOT)}</div>"
    return Page(
        "forum", _page("老木匠的琴桌 - 示例论坛", body), (*BODY[:3], SHORT[1], SHORT[2], *BODY[4:9]), (*MENU[:8], *FOOT)
    )


def _encyclopedia() -> Page:
    rows = "<tr><th>中文名</th><td>榆木</td></tr><tr><th>科属</th><td>榆科榆属</td></tr>"
    items = "".join(f"<li>{line}</li>" for line in BODY[4:])
    body = (
        f"<div class='header'>{''.join(f'<a>{x}</a>' for x in MENU)}</div><div class='main'><h1>榆木</h1><div class='para'>{BODY[2]}</div>"
        f"<table>{rows}</table><h2>用途</h2><div class='para'>{BODY[0]}</div><ul>{items}</ul><div class='para'>{BODY[3]}</div></div>"
        f"<div class='aside'><dl><dt>相关词条</dt>{''.join(f'<dd><a>{x}</a></dd>' for x in RELATED)}</dl></div><div class='footer'>{''.join(FOOT)}</div>"
    )
    return Page(
        "encyclopedia, table and list",
        _page("榆木_示例百科", body),
        (BODY[2], BODY[0], *BODY[4:], BODY[3]),
        (*MENU[:8], *RELATED),
    )


def _government() -> Page:
    articles = [f"第{number}条　{line}" for number, line in zip("一二三四五六七八九", BODY, strict=False)]
    body = (
        f"<div class='nav'>{' '.join(f'<a>{x}</a>' for x in MENU)}</div><div class='article'><h1>关于印发《木作坊管理办法》的通知</h1>"
        f"<p>各区人民政府，市政府各委办局：</p>{''.join(f'<p>{x}</p>' for x in articles)}<p style='text-align:right'>二〇二六年二月四日</p></div>"
        f"<div class='links'><h4>相关链接</h4><ul>{_links(RELATED)}</ul></div><div class='foot'><p>主办：示例市人民政府办公室</p><p>{FOOT[1]}</p></div>"
    )
    return Page(
        "government, div",
        _page("通知_示例市人民政府", body),
        ("各区人民政府，市政府各委办局：", *articles),
        (*MENU[:8], *RELATED, FOOT[1]),
    )


def _short() -> Page:
    body = (
        f"<div class='menu'><ul>{_links(MENU)}</ul></div><div class='box'><h2>今日短讯</h2><p>{BODY[0]}</p></div>"
        f"<div class='more'><ul>{_links(RELATED)}</ul></div><div>{FOOT[2]}</div>"
    )
    return Page("one short paragraph", _page("今日短讯", body), (BODY[0],), (*MENU[:8], *RELATED, FOOT[2]))


PAGES = (_news(), _table(), _message(), _forum(), _encyclopedia(), _government(), _short())
