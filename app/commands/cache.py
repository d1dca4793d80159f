"""cache propose|calibrate: what it takes before a question may get the answer to another one that means the same."""

import argparse
from pathlib import Path

from app.commands.arguments import Verbs, add_recipe, verb
from app.gateway.semantic.calibration import Calibration, Judged, prove
from app.gateway.semantic.pairs import propose, read_pairs, read_questions, write_pairs
from app.gateway.semantic.vectors import vectors_of
from app.recipe import load_recipe
from cluster.errors import UserError


def add_verbs(verbs: Verbs) -> None:
    group = verb(verbs, "cache", "calibrate kept answers to questions that mean the same", _propose)
    actions = group.add_subparsers(metavar="ACTION", required=True)
    pairs = verb(actions, "propose", "pair the questions of a log as the cache would, for people to label", _propose)
    proof = verb(actions, "calibrate", "show from labelled pairs how alike questions must be", _calibrate)
    for parser, source in ((pairs, "questions"), (proof, "pairs")):
        add_recipe(parser)
        parser.add_argument(
            source, type=Path, help="a question a line" if source == "questions" else "what `propose` wrote, labelled"
        )
        parser.add_argument("--url", default="", help="a running endpoint (default: the recipe's)")
        parser.add_argument("--model", default="", help="whose vectors to take (default: the recipe's model)")
        parser.add_argument("--to", type=Path, required=True, help="the file to write")
    pairs.add_argument("--most", type=int, default=1000, help="pairs at most, the most alike first (default: 1000)")
    proof.add_argument("--wrong", type=float, default=0.01, help="largest share of wrong hits (default: 0.01)")
    proof.add_argument("--confidence", type=float, default=0.95, help="how sure that must be (default: 0.95)")


def _propose(options: argparse.Namespace) -> None:
    url, model = _endpoint(options)
    questions = read_questions(options.questions)
    pairs = propose(questions, vectors_of(questions, url, model).rows, options.most)
    write_pairs(options.to, pairs)
    print(f"{len(pairs)} pairs of {len(questions)} questions in {options.to}: set `same` to true or false on every line")


def _calibrate(options: argparse.Namespace) -> None:
    for name in ("wrong", "confidence"):
        if not 0 < getattr(options, name) < 1:
            raise UserError(f"--{name} {getattr(options, name)}", "a share between 0 and 1", "")
    url, model = _endpoint(options)
    pairs = read_pairs(options.pairs)
    vectors = vectors_of([text for pair in pairs for text in (pair.asked, pair.found)], url, model)
    alike = (vectors.rows[::2] * vectors.rows[1::2]).sum(axis=1)
    judged = [Judged(pair.asked, pair.found, float(near), bool(pair.same)) for pair, near in zip(pairs, alike, strict=True)]
    proof = prove(judged, options.wrong, options.confidence)
    found = Calibration(
        model=model,
        fingerprint=vectors.fingerprint,
        threshold=proof.threshold,
        allowed=options.wrong,
        confidence=options.confidence,
        hits=proof.hits,
        wrong_hits=proof.wrong,
        at_most=proof.at_most,
    )
    options.to.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    print(f"from a cosine of {proof.threshold:.4f} on: {proof.wrong} of {proof.hits} wrong, at most {proof.at_most:.2%} of all")
    print(f"switch it on with serving.cache.semantic: {options.to}")


def _endpoint(options: argparse.Namespace) -> tuple[str, str]:
    _, recipe = load_recipe(options.recipe, options.overrides)
    return options.url or recipe.serving.base_url, options.model or recipe.registry.name or recipe.name
