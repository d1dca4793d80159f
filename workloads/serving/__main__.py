"""Bring up the newest model of a recipe as a replica on Ray Serve and have it answer once.

    python -m workloads.serving recipe.yaml [--set serving.replicas=2] [--address host:port]

On a cluster the application stays when this command ends; in a private session it is a check that the model can be
served. The OpenAI endpoint is app/gateway's: `hanlin serve`.
"""

import sys

from cluster.artifacts import Artifact
from cluster.config import RecipeFile
from cluster.entry import run_workload
from cluster.session import require
from cluster.stage import StageContext
from workloads.serving.spec import ServingSpec


def main(context: StageContext, recipe: RecipeFile) -> Artifact:
    from workloads.serving.deploy import ask_once, deploy_revision

    spec = recipe.section("serving", ServingSpec)
    model = context.store.ref(context.name, "model")
    require(spec.cpus_per_replica, spec.gpus_per_replica, "serving")
    app = deploy_revision(spec, model, model.fingerprint)
    answer = ask_once(app)
    context.reporter.note("served", application=app, tokens=len(answer.token_ids), finish=answer.finish or "")
    return model


if __name__ == "__main__":
    sys.exit(run_workload("serving", __doc__, main))
