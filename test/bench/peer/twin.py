"""The PyTorch yardstick as a program: one JSON object a line on stdin, one answer a line on stdout. It ends with stdin.

  {"do": "build", "config", "gpu", "precision", "compiled", "threads", "puzzles", "weights": {"path", "entries"}}
      -> {"is": "ready", "engine", "precision"}
  {"do": "steps", "batches": [{"inputs", "labels", "puzzles", "least"}]}
      -> {"is": "stepped", "seconds": [...], "losses": [[total, lm, q_halt], ...]}
  {"do": "evaluate", "inputs", "puzzles", "repeats"} -> {"is": "evaluated", "seconds": [...]}
  {"do": "matmul", "gpu", "size", "precision", "repeats", "threads"} -> {"is": "matmul", "gflopPerSecond", "precision"}

The weights' file holds the f32 tensors of `entries` one after the other, then the two initial states.
gpu: the number of one, or null for the CPU. `twin.py --check [--compiled] [--gpu=N] FILE...` holds the model against golden files instead.
"""

import json
import os
import sys
import time
import warnings

# Beside PyTorch itself: what was compiled once need not be compiled again.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.join(sys.prefix, "compiled"))
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch  # noqa: E402

from check import check  # noqa: E402
from training import DTYPES, Training  # noqa: E402


def device_of(gpu):
    if gpu is None:
        return torch.device("cpu")
    torch.cuda.set_device(gpu)
    return torch.device("cuda", gpu)


def finish(device):
    """A GPU works on after the call that asked for the work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def build(asked):
    torch.set_num_threads(asked["threads"])
    model, entries = asked["config"]["model"], asked["weights"]["entries"]
    width, dense = model["hidden"], sum(entry["elements"] for entry in entries)
    flat = torch.from_file(asked["weights"]["path"], size=dense + 2 * width, dtype=torch.float32)
    weights = {
        entry["name"]: flat[entry["offset"] : entry["offset"] + entry["elements"]].view(entry["shape"]).clone()
        for entry in entries
    }
    states = flat[dense:].clone().view(2, width).unbind()
    table = torch.zeros(asked["puzzles"], model["puzzleEmbDim"])
    device = device_of(asked["gpu"])
    train, compiled = asked["config"]["train"], asked["compiled"]
    return Training(model, train, asked["precision"], compiled, weights, states, table, device=device)


def steps(training, batches):
    seconds, found = [], []
    for batch in batches:
        rows = [torch.tensor(batch[key]) for key in ("inputs", "labels", "puzzles")]
        start = time.perf_counter()
        found.append(training.step(*rows, least=batch["least"]))
        finish(training.device)
        seconds.append(time.perf_counter() - start)
    return {"is": "stepped", "seconds": seconds, "losses": found}


def evaluate(training, asked):
    rows = [torch.tensor(asked[key]) for key in ("inputs", "puzzles")]
    seconds = []
    for _ in range(asked["repeats"]):
        start = time.perf_counter()
        training.evaluate(*rows)
        seconds.append(time.perf_counter() - start)
    return {"is": "evaluated", "seconds": seconds}


def matmul(asked):
    torch.set_num_threads(asked["threads"])
    size, device = asked["size"], device_of(asked["gpu"])
    a, b = (torch.randn(size, size).to(device, DTYPES[asked["precision"]]) for _ in range(2))
    best = float("inf")
    for _ in range(asked["repeats"] + 1):
        start = time.perf_counter()
        torch.matmul(a, b)
        finish(device)
        best = min(best, time.perf_counter() - start)
    return {"is": "matmul", "gflopPerSecond": 2 * size**3 / best / 1e9, "precision": asked["precision"]}


def serve():
    training = None
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "build":
            training = build(asked)
            how = "compiled" if asked["compiled"] else "eager"
            card = "" if asked["gpu"] is None else f", {torch.cuda.get_device_name(asked['gpu'])}"
            engine = f"PyTorch {how}, {torch.__version__}{card}"
            answer = {"is": "ready", "engine": engine, "precision": asked["precision"]}
        elif asked["do"] == "steps":
            answer = steps(training, asked["batches"])
        elif asked["do"] == "evaluate":
            answer = evaluate(training, asked)
        else:
            answer = matmul(asked)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    if "--check" in sys.argv:
        torch.set_num_threads(1)
        paths = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
        gpus = [argument[6:] for argument in sys.argv if argument.startswith("--gpu=")]
        device = device_of(int(gpus[0]) if gpus else None)
        sys.exit(1 if check(paths, "--compiled" in sys.argv, device) else 0)
    serve()
