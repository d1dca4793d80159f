"""Whether vLLM is here, its surroundings, and the arguments that make it one of our engines. Not for asking it (engine.py)."""

import contextlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cluster import environment
from cluster.errors import DependencyError, UserError
from workloads.serving.engine.base import EngineSettings
from workloads.serving.engine.decoder import read_config

PACKAGE = "vllm"
INSTALL = "pip install 'hanlin[gpu]'"
_DRAWS = "workloads.serving.engine.vllm.draws:Draws"
_SURROUNDINGS = {
    "VLLM_NO_USAGE_STATS": "1",  # it would tell a server on the network of every start
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else the copies of a machine are all bound to the same processors
}
_LEAST_CACHE = 64 << 20
_MOST_LOGPROBS = 256  # per token; vLLM refuses more than it is told of


def available() -> bool:
    """Whether vLLM is installed here. Imports nothing."""
    return importlib.util.find_spec(PACKAGE) is not None


def engine_arguments(folder: Path, settings: EngineSettings) -> Any:
    """vLLM's AsyncEngineArgs for a model folder. Raises DependencyError without vLLM, UserError for what it is not asked to do."""
    if not available():
        raise DependencyError(
            "the engine vllm needs the package vllm, which this replica's Python has not",
            "serving.runtime_env with the Python of an environment that has it",
            f"{INSTALL} there, or set serving.engine to torch",
        )
    if settings.weights == "int8":
        raise UserError("int8 weights with the engine vllm", "f32", "set serving.weights to f32, or serving.engine to torch")
    config = read_config(folder)
    architecture = (config.get("architectures") or [""])[0]
    if "ForCausalLM" not in architecture:
        raise UserError(f"a {architecture} with the engine vllm", "a model that generates", "set serving.engine to torch")
    environment.default_to(**_SURROUNDINGS)
    from vllm.engine.arg_utils import AsyncEngineArgs

    gpu = torch.cuda.is_available() and settings.device != "cpu"
    context = context_of(config, settings)
    cache = {} if gpu else {"kv_cache_memory_bytes": _cache_bytes(config, context, settings)}
    return AsyncEngineArgs(
        model=str(folder),
        dtype="bfloat16" if gpu else "float32",
        max_model_len=context + 1,  # it refuses a prompt that fills it, even where nothing is to be said after it
        hf_overrides={"max_position_embeddings": max(context + 1, config["max_position_embeddings"])},
        max_num_seqs=settings.slots,
        max_num_batched_tokens=max(settings.prefill_tokens, settings.slots),
        enforce_eager=not gpu,  # compiling takes a minute, and on processors openvino is the faster engine
        enable_prefix_caching=settings.prefix_mb > 0,
        scheduling_policy="priority",
        async_scheduling=False,  # draws.py wants to know how long an answer is
        max_logprobs=_MOST_LOGPROBS,
        logits_processors=[_DRAWS],
        generation_config="vllm",
        disable_log_stats=False,
        **cache,
    )


def context_of(config: Mapping[str, Any], settings: EngineSettings) -> int:
    """Tokens that a request may have, prompt and answer together."""
    longest = int(config["max_position_embeddings"])
    return min(settings.max_context or longest, longest)


def with_threads(settings: EngineSettings) -> contextlib.AbstractContextManager[None]:
    """While vLLM's process is started: the threads that it computes with on a processor."""
    return environment.variable("OMP_NUM_THREADS", str(settings.threads)) if settings.threads else contextlib.nullcontext()


def _cache_bytes(config: Mapping[str, Any], context: int, settings: EngineSettings) -> int:
    """For every slot full, and for prompts that may come again."""
    return max(_LEAST_CACHE, settings.slots * context * _token_bytes(config) + (settings.prefix_mb << 20))


def _token_bytes(config: Mapping[str, Any]) -> int:
    """Keys and values of one token in 32 bits."""
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return int(2 * 4 * config["num_hidden_layers"] * heads * size)
