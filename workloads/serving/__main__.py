"""Bring up the newest model of a recipe as a replica on Ray Serve and have it answer once.

    python -m workloads.serving recipe.yaml [--set serving.replicas=2] [--address host:port]

On a cluster the application stays when this command ends; in a private session it is a check that the model can be
served. The OpenAI endpoint is app/gateway's: `hanlin serve`.
"""

import sys

from cluster.artifacts import Artifact
from cluster.capacity import current_room, require_room
from cluster.config import RecipeFile
from cluster.entry import run_workload
from cluster.stage import StageContext
from workloads.serving.spec import ServingSpec


def main(context: StageContext, recipe: RecipeFile) -> Artifact:
    from workloads.serving.deploy import ask_once, deploy_revision

    spec = recipe.section("serving", ServingSpec)
    model = context.store.ref(context.name, "model")
    shape = {"CPU": spec.cpus_per_replica, "GPU": spec.gpus_per_replica}
    require_room(current_room(), shape, spec.replicas, "serving", "lower `serving.replicas` or what each asks for")
    app = deploy_revision(spec, model, model.fingerprint)
    answer = ask_once(app)
    context.reporter.note("served", application=app, tokens=len(answer.token_ids), finish=answer.finish or "")
    return model


if __name__ == "__main__":
    sys.exit(run_workload("serving", __doc__, main))
