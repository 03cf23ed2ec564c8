"""Is the yardstick the model? Holds it against golden files of the official implementation (trm-parity-model/1).

python twin.py --check FILE... : prints a line per file and precision, exits 1 if anything is off.
"""

import base64
import json
import math

import torch

from training import Training


def unpack(packed):
    flat = torch.frombuffer(bytearray(base64.b64decode(packed["base64"])), dtype=torch.float32)
    return flat.view(packed["shape"])


def filled(golden, tensor):
    a, b, c, m = (golden["fill"][key] for key in "abcm")
    shape, index = tensor["shape"], tensor["index"]
    values = [
        tensor["offset"] + tensor["amp"] * math.sin(a * k + b * index + c * ((k * k) % m)) for k in range(math.prod(shape))
    ]
    return torch.tensor(values, dtype=torch.float64).float().view(shape)


def built(golden, precision, compiled, device):
    config, optimiser = golden["config"], golden["optimiser"]
    width, puzzle = config["hidden_size"], config["puzzle_emb_ndim"]
    model = {
        "hidden": width,
        "heads": config["num_heads"],
        "expansion": config["expansion"],
        "layers": config["L_layers"],
        "hCycles": config["H_cycles"],
        "lCycles": config["L_cycles"],
        "mixer": "mlp" if config["mlp_t"] else "attention",
        "positions": config["pos_encodings"],
        "puzzleEmbLen": config["puzzle_emb_len"] or -(-puzzle // width),
        "puzzleEmbDim": puzzle,
        "haltMaxSteps": config["halt_max_steps"],
        "rmsNormEps": config["rms_norm_eps"],
        "ropeTheta": config["rope_theta"],
        "seqLen": config["seq_len"],
    }
    adam, sign = optimiser["adam_atan2"], optimiser["sign_sgd"]
    train = {
        "slots": config["batch_size"],
        "steps": 1,
        "warmupSteps": 0,
        "lrMinRatio": 1,
        "lr": adam["lr"],
        "beta1": adam["beta1"],
        "beta2": adam["beta2"],
        "weightDecay": adam["weight_decay"],
        "puzzleLr": sign["lr"],
        "puzzleWeightDecay": sign["weight_decay"],
        "emaRate": 0.999,
    }
    tensors = {tensor["name"]: filled(golden, tensor) for tensor in golden["tensors"]}
    states = [tensors.pop("H_init"), tensors.pop("L_init")]
    table = tensors.pop("puzzle_emb.weights")
    return Training(model, train, precision, compiled, tensors, states, table, ignored=-100, device=device)


def stepped(training, golden, at):
    batch = golden["batches"][at["batch"]]
    rows = [torch.tensor(batch[key]) for key in ("inputs", "labels", "puzzle_identifiers")]
    return training.step(*rows, least=[0] * len(batch["inputs"]))


def differences(training, found, expected, accept):
    """Pairs of (what, how far off in units of what is accepted)."""
    total, lm, halt = found
    metrics = expected["metrics"]
    yield "total loss", abs(total - expected["total_loss"]) / accept["loss"]
    yield "lm loss", abs(lm - metrics["lm_loss"]) / accept["loss"]
    yield "q_halt loss", abs(halt - metrics["q_halt_loss"]) / accept["loss"]
    logits = training.seen["logits"].detach().float().cpu()
    yield "logits", float((logits - unpack(expected["logits"])).abs().max()) / accept["logits"]
    yield "q_halt", float((training.seen["q_halt"].detach().cpu() - torch.tensor(expected["q_halt"])).abs().max()) / accept["q"]
    norms = dict(zip(training.names, (float(g.double().norm()) for g in training.gradients)))
    for name, norm in expected["grad_norms"].items():
        yield f"gradient norm of {name}", abs(norms[name] / norm - 1) / accept["grad_norm_relative"]
    norm = float(training.seen["rows"].double().norm())
    yield "norm of the puzzle gradient", abs(norm / expected["puzzle_local_grad_norm"] - 1) / accept["puzzle_local_grad_norm_relative"]
    yield "steps", 0 if training.steps == expected["steps"] else math.inf
    yield "halted", 0 if training.halted == expected["halted"] else math.inf


def after(training, expected, tolerances):
    norms = dict(zip(training.names, (float(w.detach().double().norm()) for w in training.weights.values())))
    for name, norm in expected["after"]["param_norms"].items():
        if name in norms:
            yield f"norm of {name}", abs(norms[name] - norm) / norm / tolerances["param_norms_relative"]


def check_file(path, compiled, device):
    with open(path) as file:
        golden = json.load(file)
    runs = {"f32": [], "bf16": []}
    training = built(golden, "f32", compiled, device)
    for at, tolerance in zip(golden["steps"], golden["tolerances"]["per_step"]):
        found = stepped(training, golden, at)
        for what, off in differences(training, found, at, tolerance["accept"]):
            runs["f32"].append((f"step {at['step']}, {what}", off))
        for what, off in after(training, at, golden["tolerances"]):
            runs["f32"].append((f"after step {at['step']}, {what}", off))
    if "bf16" in golden:
        training = built(golden, "bf16", compiled, device)
        found = stepped(training, golden, golden["steps"][0])
        runs["bf16"] = [
            (f"step 1, {what}", off) for what, off in differences(training, found, golden["bf16"], golden["bf16"]["accept"])
        ]
    return {precision: offs for precision, offs in runs.items() if offs}


def check(paths, compiled, device):
    """-> number of values that are off"""
    wrong = 0
    for path in paths:
        for precision, offs in check_file(path, compiled, device).items():
            bad = [(what, off) for what, off in offs if not off <= 1]
            worst = max(offs, key=lambda one: one[1])
            print(f"{path} {precision}: {len(offs) - len(bad)} of {len(offs)} within tolerance, worst {worst[1]:.3f} of it ({worst[0]})")
            for what, off in bad:
                print(f"  {what}: {off:.3g} times what is accepted")
            wrong += len(bad)
    return wrong
