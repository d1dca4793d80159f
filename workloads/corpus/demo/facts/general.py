"""What there is to say about places, trades, seasons, festivals, tools, crops, fruits, animals and everyday things."""

from workloads.corpus.demo.lexicon.crafts import DISHES, WARES
from workloads.corpus.demo.lexicon.places import PLACES, TOWN, Place
from workloads.corpus.demo.lexicon.seasons import FESTIVALS, SEASONS, Festival, Season
from workloads.corpus.demo.lexicon.things import ANIMALS, COMMON, CROPS, FRUITS, OPPOSITES, TOOLS
from workloads.corpus.demo.lexicon.trades import TRADES, Trade
from workloads.corpus.demo.sayings import Fact, forms


def place_facts(place: Place) -> tuple[Fact, ...]:
    name = place.name
    lies = f"{name}在青石山脚下。" if name == TOWN else f"{name}在青石镇的{place.side}。"
    facts = [
        Fact(name, "where", (f"{name}在哪里？", f"{name}在什么地方？"), (lies,), (f"{name}{place.where}。", lies)),
        Fact(
            name,
            "product",
            (f"{name}出产什么？", f"{name}什么东西最有名？", f"{name}有什么特产？"),
            (f"{name}出产{place.product}。",),
            (f"{name}出产{place.product}。", f"{name}的{place.product}很有名。", f"{name}的{place.product}远近闻名。"),
        ),
        Fact(
            name,
            "sight",
            (f"{name}有什么好看的？", f"{name}有什么风景？"),
            (f"{name}有{place.sight}。",),
            (f"{name}有{place.sight}。",),
        ),
        Fact(
            place.landmark,
            "landmark",
            (f"{place.landmark}在哪里？", f"哪里有{place.landmark}？"),
            (f"{place.landmark}在{name}。",),
            (f"{place.landmark}在{name}。",),
        ),
        Fact(
            place.product,
            "origin",
            (f"哪里的{place.product}最有名？", f"哪里出产{place.product}？"),
            (f"{name}的{place.product}最有名。",),
            (f"{name}的{place.product}最有名。", f"要买{place.product}，就到{name}去。"),
        ),
    ]
    if place.miles:
        told = f"{name}离青石镇{place.miles}里路。"
        facts.append(Fact(name, "distance", (f"{name}离青石镇有多远？", f"从青石镇到{name}有多远？"), (told,), (told,)))
    return tuple(facts)


def trade_facts(trade: Trade) -> tuple[Fact, ...]:
    name, tool = trade.name, trade.tool
    facts = [
        Fact(
            name,
            "work",
            (f"{name}是做什么的？", f"{name}做什么工作？", f"{name}每天做什么？"),
            (f"{name}{trade.daily}。",),
            (f"{name}{trade.daily}。", f"{name}的工作是{trade.work}。"),
        ),
        Fact(
            name,
            "tool",
            (f"{name}用什么工具？", f"{name}干活用什么工具？", f"{name}用什么干活？"),
            (f"{name}用{tool}{trade.use}。",),
            (f"{name}用{tool}{trade.use}。", f"{name}离不开{trade.a_tool}。"),
        ),
        _use(tool, trade.measure, trade.use),
    ]
    if trade.need:
        answer = f"{trade.need}，可以找{name}帮忙。"
        facts.append(
            Fact(
                name,
                "need",
                (f"{trade.need}找谁？", f"{trade.need}怎么办？", f"{trade.need}，应该找谁？"),
                (answer,),
                (answer,),
            )
        )
    return tuple(facts)


def season_facts(season: Season) -> tuple[Fact, ...]:
    name = season.name
    months = "、".join(season.months[:2]) + "和" + season.months[2]
    order = [other.name for other in SEASONS]
    after = order[(order.index(name) + 1) % len(order)]
    rows = (
        ("weather", "{s}的天气怎么样？|{s}天气怎么样？", f"{name}{season.weather}。", f"{name}到了，{season.weather}。"),
        (
            "flower",
            "{s}开什么花？|{s}什么花开了？|什么花在{s}开？",
            f"{name}开{season.flower}。",
            f"{name}，{season.flower}都开了。",
        ),
        (
            "work",
            "{s}人们做什么？|{s}农民做什么？|{s}人们忙什么？",
            f"{name}，人们{season.work}。",
            f"{name}，农民忙着{season.work}。",
        ),
        (
            "food",
            "{s}人们爱吃什么？|{s}吃什么？|{s}有什么好吃的？",
            f"{name}人们爱吃{season.food}。",
            f"{name}，家家都吃{season.food}。",
        ),
        (
            "play",
            "{s}孩子们玩什么？|{s}孩子们喜欢做什么？",
            f"{name}孩子们喜欢{season.play}。",
            f"{name}，孩子们最爱{season.play}。",
        ),
        ("bird", "{s}能看到什么鸟？|{s}有什么鸟？", f"{name}，{season.bird}。", f"{name}，{season.bird}。"),
        ("clothes", "{s}穿什么衣服？|{s}应该穿什么？", f"{name}穿{season.clothes}。", f"{name}，人们穿上了{season.clothes}。"),
        ("months", "{s}有哪几个月？|{s}是哪几个月？", f"{name}是{months}。", f"{months}是{name}。"),
        ("after", "{s}过后是什么季节？|{s}之后是什么季节？", f"{name}过后是{after}。", f"{name}过去，{after}就来了。"),
    )
    return tuple(
        Fact(name, topic, forms(asks.replace("{s}", name)), (answer,), (answer, told)) for topic, asks, answer, told in rows
    )


def festival_facts(festival: Festival) -> tuple[Fact, ...]:
    name = festival.name
    date = f"{name}{'是' if '农历' in festival.date else '在'}{festival.date}。"
    return (
        Fact(name, "date", (f"{name}是哪一天？", f"{name}是什么时候？"), (date,), (date,)),
        Fact(
            name,
            "food",
            (f"{name}吃什么？", f"{name}人们吃什么？"),
            (f"{name}吃{festival.food}。",),
            (f"{name}，家家都吃{festival.food}。",),
        ),
        Fact(
            name,
            "custom",
            (f"{name}做什么？", f"{name}人们做什么？", f"{name}怎么过？"),
            (f"{name}，人们{festival.custom}。",),
            (f"{name}，人们{festival.custom}。",),
        ),
        Fact(name, "season", (f"{name}在什么季节？",), (f"{name}在{festival.season}。",), (f"{name}在{festival.season}。",)),
    )


def thing_facts() -> tuple[Fact, ...]:
    facts = [_use(name, measure, use) for name, measure, use in TOOLS]
    for name, sown, cut, colour, good in CROPS:
        facts += _crop(name, sown, cut, colour, good)
    for name, ripe, colour, taste in FRUITS:
        facts += [
            _simple(name, "ripe", f"{name}什么时候熟？|{name}在什么季节熟？", f"{name}{ripe}熟。"),
            _simple(name, "colour", f"{name}是什么颜色的？|{name}是什么颜色？", f"{name}是{colour}的。"),
            _simple(name, "taste", f"{name}是什么味道？|{name}好吃吗？", f"{name}{taste}。"),
        ]
    for name, _, sound, food, does in ANIMALS:
        facts += [
            _simple(name, "sound", f"{name}怎么叫？|{name}的叫声是什么样的？", f"{name}{sound}地叫。"),
            _simple(name, "eats", f"{name}吃什么？|{name}爱吃什么？", f"{name}爱吃{food}。"),
            _simple(name, "does", f"{name}会做什么？|{name}有什么用？|{name}有什么本领？", does),
        ]
    for first, second in OPPOSITES:
        facts += [_opposite(first, second), _opposite(second, first)]
    facts += [Fact(answer, "common", asks, (answer,), (answer,)) for asks, answer in COMMON]
    return tuple(facts)


def making_facts() -> tuple[Fact, ...]:
    dishes = [
        _simple(dish, "making", f"{dish}怎么{verb}？|怎样{verb}{dish}？|{verb}{dish}要先做什么？", f"{verb}{dish}，{steps}。")
        for dish, verb, steps in DISHES
    ]
    wares = [
        _simple(trade, "making", f"{trade}怎样{verb}{ware}？|{ware}是怎样来的？", f"{trade}{verb}{ware}，{steps}。")
        for trade, verb, ware, steps in WARES
    ]
    return (*dishes, *wares)


def all_general_facts() -> tuple[Fact, ...]:
    facts = [fact for place in PLACES for fact in place_facts(place)]
    facts += [fact for trade in TRADES for fact in trade_facts(trade)]
    facts += [fact for season in SEASONS for fact in season_facts(season)]
    facts += [fact for festival in FESTIVALS for fact in festival_facts(festival)]
    return (*facts, *thing_facts(), *making_facts())


def _use(tool: str, measure: str, use: str) -> Fact:
    return Fact(
        tool,
        "use",
        (f"{tool}是做什么用的？", f"{tool}有什么用？", f"{tool}可以用来做什么？"),
        (f"{tool}是用来{use}的。",),
        (f"{tool}是用来{use}的。", f"一{measure}{tool}，{use}就方便了。"),
    )


def _crop(name: str, sown: str, cut: str, colour: str, good: str) -> tuple[Fact, ...]:
    return (
        _simple(name, "sown", f"{name}什么时候种？|什么时候种{name}？", f"{name}{sown}种。"),
        _simple(name, "cut", f"{name}什么时候收？|什么时候收{name}？", f"{name}{cut}收。"),
        _simple(name, "colour", f"{name}是什么颜色的？|成熟的{name}是什么颜色？", f"成熟的{name}是{colour}的。"),
        _simple(name, "good", f"{name}有什么用？|{name}可以做什么？", f"{name}可以{good}。"),
    )


def _simple(about: str, topic: str, asks: str, told: str) -> Fact:
    return Fact(about, topic, forms(asks), (told,), (told,))


def _opposite(word: str, other: str) -> Fact:
    told = f"“{word}”的反义词是“{other}”。"
    return Fact(word, "opposite", (f"“{word}”的反义词是什么？", f"和“{word}”相反的词是什么？"), (told,), (told,))
