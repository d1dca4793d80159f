"""What spoils the clean text, one class per kind; NOISE is where a new kind is registered.

Order matters only for the random generator: the same seed plants the same noise.
"""

from workloads.corpus.demo.noise.base import CLEAN, Copy, Edit, Junk, Record
from workloads.corpus.demo.noise.copies import ExactDuplicate, NearDuplicate, TraditionalTwin
from workloads.corpus.demo.noise.edits import BoilerplateLine, PersonalData
from workloads.corpus.demo.noise.junk import BrokenLine, English, KeywordSpam, Mojibake, Short, Slogan

COPIES: tuple[type[Copy], ...] = (ExactDuplicate, NearDuplicate, TraditionalTwin)
EDITS: tuple[type[Edit], ...] = (BoilerplateLine, PersonalData)
JUNK: tuple[type[Junk], ...] = (Slogan, English, Mojibake, Short, KeywordSpam, BrokenLine)
KINDS: tuple[str, ...] = tuple(noise.kind for noise in (*COPIES, *EDITS, *JUNK))

__all__ = ["CLEAN", "COPIES", "EDITS", "JUNK", "KINDS", "Record"]
