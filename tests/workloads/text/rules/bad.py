"""For every rule texts that it must drop, written for the tests or put together from sound ones."""

import random

from tests.workloads.text.rules.good import CLASSICAL, NEWS, STATUTE
from workloads.text.rules.repetition import DUPLICATE_LENGTHS

WORDS = [
    "手机",
    "电脑",
    "特价",
    "包邮",
    "优惠",
    "促销",
    "秒杀",
    "正品",
    "代购",
    "女装",
    "男鞋",
    "箱包",
    "美妆",
    "数码",
    "家电",
    "母婴",
    "团购",
    "红包",
    "返利",
    "折扣",
    "批发",
    "官网",
    "旗舰店",
    "新款",
    "爆款",
    "热卖",
    "清仓",
    "赠品",
]
PAGES = (
    "最新电影排行榜",
    "手机铃声大全",
    "减肥小妙招",
    "二手房源信息",
    "考试报名入口",
    "明星写真图集",
    "天气预报查询",
    "快递单号查询",
)
_FOREST = (
    "青石镇北面的山里有一片老林子，村里人叫它神仙林，据说三百年前就立了规矩，谁也不许动一草一木，所以那里的树长得又高又密，"
    "夏天进去凉得像秋天，连鸟叫也比别处清亮几分。"
)


def filled_in(words: int, seed: int) -> str:
    """A page of one sentence with another word in it each time, as link farms make them."""
    rng = random.Random(seed)
    names = [f"{rng.choice('东西南北新旧上下')}{rng.choice('山河湖海桥寺门巷')}" for _ in range(words)]
    return "\n".join(
        (
            f"{name}旧家电回收公司常年上门收购冰箱、彩电、空调、洗衣机、电脑、打印机、厨房设备和各类旧家具，"
            f"当场结算价格公道服务周到，全城各区都有网点，随叫随到。"
        )
        for name in names
    )


def echoed(length: int) -> str:
    """Pieces of sound text of a little more than `length` letters, each said many times, in a shuffled order."""
    rng = random.Random(length)
    letters = "".join(sign for sign in _FOREST + CLASSICAL if sign.isalnum())
    pieces = [letters[at : at + length + 4] for at in range(0, 5 * (length + 4), length + 4)] * 30
    rng.shuffle(pieces)
    return "，".join(pieces)


BAD: dict[str, tuple[str, ...]] = {
    "length": ("图片已删除", "好的。", "转发了，谢谢楼主！"),
    "mojibake": (
        NEWS.encode().decode("latin-1"),
        NEWS.encode().decode("gb18030", "replace"),
        NEWS.encode("gb18030").decode("latin-1"),
        NEWS.encode("gb18030").decode("utf-8", "replace"),
        "锟斤拷" * 30 + NEWS[:30],
    ),
    "language": (
        "昨日、町の図書館で古い地図の展示会が開かれ、多くの住民が訪れました。展示は来週の日曜日まで続く予定です。",
        "第一条　この規則は、町立図書館の管理及び運営に関し必要な事項を定めるものとする。第二条　館長は、館務を掌理する。",
        "어제 마을 도서관에서 옛 지도 전시회가 열려 많은 주민이 찾았습니다. 전시는 다음 주 일요일까지 이어집니다.",
        "Вчера в сельской библиотеке открылась выставка старых карт, которую посетили многие жители деревни.",
    ),
    "han_share": (
        "The quick brown fox jumps over the lazy dog, and nobody in the whole village noticed it at all.",
        "Hôm qua thư viện làng đã mở một cuộc triển lãm bản đồ cổ và rất nhiều người dân đã đến xem.",
        "<div class='nav'><a href='/index.html'>首页</a><a href='/about.html'>关于</a><script src='x.js'></script></div>",
    ),
    "digits": (
        "\n".join(
            f"20240{day}0{hour} {day * 7919 % 997:04d} {hour * 104729 % 9973:05d} 元"
            for day in range(1, 9)
            for hour in range(9)
        ),
        "尾号" + " ".join(str(number * 7919) for number in range(1000, 1060)),
        "走势：" + "，".join(f"{number * 37 % 35:02d} {number * 53 % 35:02d} {number * 71 % 12:02d}" for number in range(120)),
    ),
    "unique": ("哈哈哈嘿嘿嘿" * 60, "买一送一，先到先得！" * 60, "顶顶顶顶顶顶顶顶顶楼主" * 30),
    "entropy": (
        "哈哈哈哈哈呵呵呵哈哈嘿嘿哈哈，哈呵哈哈哈。",
        "啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊！！！",
        "测试测试测试测试测试测试测试测试。",
    ),
    "line_repetition": (
        "请先登录后再查看回复内容\n" * 12 + "楼主说得有道理。",
        "\n".join(("本帖最后由管理员编辑", "该用户已被禁言，内容已屏蔽", "举报 回复 支持 反对") * 9),
        "\n".join([NEWS.split("\n")[0]] * 4),
    ),
    "paragraph_repetition": ("\n\n".join([NEWS] * 3), "\n\n".join([STATUTE, STATUTE, STATUTE]), "\n\n".join([CLASSICAL] * 4)),
    "sentences": (
        "".join(WORDS * 12),
        "、".join(WORDS * 10),
        "高清在线观看免费完整版手机在线观看全集电视剧免费播放下载国语高清版迅雷下载百度云资源网盘分享链接提取码" * 6,
    ),
    "line_ends": (
        "\n".join(f"{page} {number}" for number in range(5) for page in PAGES),
        "\n".join(f"{number + 1} {WORDS[number % 20]}{PAGES[number % 8]}" for number in range(40)),
        "\n".join(f"{word}频道\n{word}排行\n{word}专题" for word in WORDS),
    ),
    "bullets": (
        "\n".join(f"• {page}（{number}）" for number in range(5) for page in PAGES),
        "\n".join(f"■{word}专区" for word in WORDS),
        "\n".join(f"- [{page}](/list/{number}.html)" for number in range(4) for page in PAGES),
    ),
    "ellipses": (
        "\n".join(f"{page}，很多朋友都想知道其中的窍门，小编今天就为大家带来……" for page in PAGES),
        "\n".join(f"{page}\n近日有网友反映，{page}出现了新的变化，据了解..." for page in PAGES),
        "\n".join(f"{word}怎么选？其实很多人都不知道。。。" for word in WORDS),
    ),
    "expand_more": (
        "\n".join(f"{page} 更多>>" for page in PAGES),
        "\n".join(f"{page}，近日备受关注，专家表示需要理性看待。\n阅读全文" for page in PAGES),
        "\n".join(f"{word}评测：这一款值不值得买？\n[详情]\n展开全文" for word in WORDS),
    ),
    "tags": tuple(
        "".join(
            f'<{tag} class="list-item-{number}" data-id="{number}"><a href="/p/{number}.html">{page}</a></{tag}>'
            for number, page in enumerate(PAGES)
        )
        for tag in ("li", "td", "div")
    ),
    "urls": (
        "\n".join(
            f"资源{number} https://pan.example.com/s/1a2b3c4d5e6f7g8h9i0j{number}?pwd=ab{number}cdef" for number in range(30)
        ),
        "\n".join(
            f"{word} http://www.example.com/shop/item/{number}.html?from=list&pos={number}" for number, word in enumerate(WORDS)
        ),
        "链接：" + " ".join(f"www.example{number}.com/forum/thread-{number * 7919}-1-1.html" for number in range(40)),
    ),
    "brackets": (
        "".join(f"【{page}】【{word}】今日上新。" for page, word in zip(PAGES, WORDS, strict=False)),
        "【顶】【顶】【推荐】楼主好人【转发】【收藏】" * 5,
        "\n".join(f"【{word}】【包邮】【正品】【旗舰店】价格面议" for word in WORDS),
    ),
    "code": (
        "// 初始化\n"
        + "\n".join(
            f"var item{number} = document.getElementById('item-{number}'); item{number}.style.display = 'none';"
            for number in range(40)
        ),
        "以下是配置。\n"
        + "\n".join(f'    "key_{number}": {{"value": {number * 37}, "enabled": true}},' for number in range(60)),
        "<导航>\n"
        + "\n".join(
            f".nav-{number} {{ margin: {number}px; padding: 0 {number}px; color: #33{number:02d}66; }}" for number in range(50)
        ),
    ),
    "keywords": (
        " | ".join(WORDS * 2),
        "热门搜索：" + "、".join(WORDS) + "。更多内容，请关注本站。",
        "标签：" + "/".join(PAGES * 3) + "\n本站内容来自网络。",
    ),
    "advertising": (
        "专业开锁换锁二十年，厂家直销，假一赔十，欢迎来电咨询，加微信更优惠，货到付款。",
        "澳洲幸运8计划网，老虎机、百家乐、时时彩应有尽有，注册送彩金，首存返水，app下载请到官网登录。",
        "不锈钢水箱生产厂家，批发价格，量大从优，现货供应，诚招代理，加盟热线全天开通，欢迎新老客户。",
    ),
    "top_2gram": tuple("".join(f"{sign}{word}" for sign in WORDS[:14]) * 2 for word in ("平台", "博客", "小说")),
    "top_3gram": tuple("，".join(f"{sign}{word}" for sign in WORDS) for word in ("下载站", "排行榜", "价格表")),
    "top_4gram": tuple("，".join(f"{sign}{word}" for sign in WORDS) for word in ("哪里有卖", "最新报价", "免费下载")),
    **{
        f"duplicate_{n}gram": (filled_in(40, n), echoed(n), ("全场五折，抢购从速，" + _FOREST[:n]) * 20)
        for n in DUPLICATE_LENGTHS
    },
}
