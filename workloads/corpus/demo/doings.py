"""What a person does on a day of a season: work, chores, outings; children play and help, adults work and stroll."""

import random

from workloads.corpus.demo.lexicon.seasons import Season
from workloads.corpus.demo.world import Person


def task(person: Person, season: Season, rng: random.Random) -> str:
    """Something done, without a subject: 做好了一张方桌."""
    at_home = season.helps if person.is_child else season.chores
    return rng.choice(person.craft.days if rng.random() < 0.6 else at_home)


def outing(person: Person, season: Season, rng: random.Random) -> str:
    """A way to spend free time, without a subject: 到山坡上放风筝."""
    return rng.choice(season.outings if person.is_child else season.strolls)
