"""The genres of the small world, one file each; GENRES is where a new one is registered."""

from workloads.corpus.demo.genres.answers import Answers
from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.genres.chronicle import Chronicle
from workloads.corpus.demo.genres.dialogue import Dialogue
from workloads.corpus.demo.genres.diary import Diary
from workloads.corpus.demo.genres.letter import Letter
from workloads.corpus.demo.genres.news import News
from workloads.corpus.demo.genres.primer import Primer
from workloads.corpus.demo.genres.scenery import Scenery
from workloads.corpus.demo.genres.story import Story
from workloads.corpus.demo.genres.sums import Sums

GENRES: tuple[type[Genre], ...] = (Answers, Chronicle, Story, Dialogue, Primer, Sums, Diary, Letter, Scenery, News)

__all__ = ["GENRES", "Genre"]
