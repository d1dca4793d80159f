"""描写: a season at a place, and who is busy with what there."""

import random

from workloads.corpus.demo.doings import outing, task
from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.lexicon.places import PLACES
from workloads.corpus.demo.lexicon.seasons import FESTIVALS, SEASONS, Season


class Scenery(Genre):
    source = "描写"
    share = 0.04

    def write(self, rng: random.Random) -> str:
        season, place = rng.choice(SEASONS), rng.choice(PLACES)
        scenes = rng.sample(season.scenes, 3)
        text = rng.choice(
            (
                f"{season.name}到了，{place.name}的{scenes[0]}。"
                if False
                else f"{season.name}来到了{place.name}。{scenes[0]}，{scenes[1]}。",
                f"{season.name}的{place.name}很美。{scenes[0]}。{scenes[1]}。",
                f"{season.name}到了，{scenes[0]}，{scenes[1]}。{place.name}又热闹起来了。",
            )
        )
        facts = [fact for fact in self.lore.about(season.name) if fact.topic not in ("months", "after")]
        text += "".join(fact.tell(rng) for fact in rng.sample(facts, 3)) + f"{scenes[2]}。"
        return text + self._people(season, place.name, rng)

    def _people(self, season: Season, place: str, rng: random.Random) -> str:
        text = ""
        neighbours = self.world.at(place)
        for person in rng.sample(neighbours, min(2, len(neighbours))):
            doing = rng.choice((task(person, season, rng), outing(person, season, rng)))
            text += f"{person.name}{doing}。" + self.lore.portrait(person, rng, 2, introduced=True)
        festivals = [festival for festival in FESTIVALS if festival.season == season.name]
        if rng.random() < 0.6:
            text += "".join(fact.tell(rng) for fact in rng.sample(self.lore.about(rng.choice(festivals).name), 2))
        return text
