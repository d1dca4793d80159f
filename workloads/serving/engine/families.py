"""Which of the torch engines a model folder is for. Not for loading it (decoder.py, encoder_engine.py)."""

from pathlib import Path

from workloads.serving.engine.base import Engine, EngineSettings
from workloads.serving.engine.decoder import read_config
from workloads.serving.engine.devices import device_of


def open_folder(folder: Path, settings: EngineSettings) -> Engine:
    """An engine for a Hugging Face folder. Raises UserError where it holds no model that can be served."""
    config = read_config(folder)
    architecture = (config.get("architectures") or [""])[0]
    if "ForCausalLM" in architecture or not architecture:
        from workloads.serving.engine.torch_engine import TorchEngine

        return TorchEngine(folder, settings)
    from workloads.serving.engine.encoder_engine import EncoderEngine

    return EncoderEngine(folder, config, settings, device_of(settings.device))
