"""Good and bad texts made for the tests: prose of changing sentences; menus, lists of keywords, advertising, shuffled characters."""

import random

WHO = ["老木匠", "镇上的郎中", "卖茶的姑娘", "守渡口的船夫", "新来的先生", "隔壁的婶子", "放牛的孩子", "村里的会计"]
WHEN = ["天刚亮的时候", "吃过晚饭以后", "雨停了", "赶集那天", "立秋过后", "鸡叫第二遍", "灯都熄了", "过年前几天"]
DEED = [
    "把门前的小路扫得干干净净",
    "给远方的女儿写了一封很长的信",
    "在河边种下三棵柳树，说是留给后人乘凉",
    "坐在门槛上，一边抽烟一边讲从前的事",
    "背着药箱走了十几里山路去看病人",
    "发现仓库的屋顶又漏了，连忙找人来修",
]
THOUGHT = ["他心里想，日子总会好起来的", "谁也没有说话", "这件事后来大家都忘了", "她笑了笑，没有回答", "大家听了都点头称是"]
MENU = [
    "首页",
    "登录",
    "注册",
    "关于我们",
    "联系方式",
    "下一页",
    "更多",
    "返回顶部",
    "网站地图",
    "友情链接",
    "分享到",
    "评论",
    "收藏",
]
KEYWORDS = ["手机", "特价", "包邮", "女装", "优惠券", "正品", "代购", "批发", "厂家", "加盟", "贷款", "减肥", "整形", "彩票"]
SLOGANS = [
    "全网最低价，马上抢购！",
    "加微信领红包！",
    "点击下方链接立即注册送彩金！",
    "限时优惠，错过再等一年！",
    "诚招代理，日入过千！",
]


def prose(number: int) -> str:
    rng = random.Random(number)
    sentences = (f"{rng.choice(WHEN)}，{rng.choice(WHO)}{rng.choice(DEED)}，{rng.choice(THOUGHT)}。" for _ in range(6))
    return "".join(sentences)


def shuffled(text: str, seed: int) -> str:
    characters = list(text)
    random.Random(seed).shuffle(characters)
    return "".join(characters)


def junk(number: int) -> str:
    """By turns a menu, keywords, advertising, and prose with its characters shuffled."""
    rng = random.Random(number)
    match number % 4:
        case 0:
            return "\n".join(rng.choices(MENU, k=30))
        case 1:
            return rng.choice("、 |").join(rng.choices(KEYWORDS, k=40))
        case 2:
            return "".join(rng.choices(SLOGANS, k=8))
        case _:
            return shuffled(prose(number), number)
