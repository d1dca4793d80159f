"""The demo's text: a small Chinese world written from a seed, with planted noise and the truth about it."""

from workloads.corpus.demo.corpus import DemoTruth, write_demo_corpus
from workloads.corpus.demo.prompts import DemoPrompt, demo_prompts
from workloads.corpus.demo.score import DemoScore, KindScore, score_demo

__all__ = ["DemoPrompt", "DemoScore", "DemoTruth", "KindScore", "demo_prompts", "score_demo", "write_demo_corpus"]
