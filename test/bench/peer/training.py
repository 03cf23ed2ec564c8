"""A training step of the PyTorch yardstick: carry, loss, backward, SignSGD of the puzzle rows, AdamATan2 and average."""

import math

import torch

from model import Trm, losses

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def learning_rate(base, step, train):
    warmup = train["warmupSteps"]
    if step < warmup:
        return base * step / warmup
    ratio = train["lrMinRatio"]
    progress = (step - warmup) / max(1, train["steps"] - warmup)
    return base * (ratio + max(0.0, (1 - ratio) * 0.5 * (1 + math.cos(math.pi * progress))))


def adam_atan2(weights, gradients, first, second, averages, scalars, constants):
    """In place. scalars: keep (1 - lr * decay), rate (lr / (1 - beta1^t)), root (sqrt(1 - beta2^t)), as f32 tensors."""
    keep, rate, root = scalars
    beta1, beta2, ema = constants
    for p, g, m, v, average in zip(weights, gradients, first, second, averages):
        m.lerp_(g, 1 - beta1)
        v.lerp_(g * g, 1 - beta2)
        p.mul_(keep).sub_(rate * torch.atan2(m, v.sqrt() / root))
        average.mul_(ema).add_(p, alpha=1 - ema)


def sign_sgd(table, ids, gradients, lr, decay):
    """Only rows of the batch move, by the sign of the summed gradient."""
    unique, place = torch.unique(ids, return_inverse=True)
    sums = torch.zeros(len(unique), table.shape[1], device=table.device).index_add_(0, place, gradients)
    table[unique] = table[unique] * (1 - lr * decay) - lr * sums.sign()


class Training:
    """weights: f32 by name; states: the two initial states (D); table: puzzle rows (N, puzzle width). Brought to `device`."""

    def __init__(self, model, train, precision, compiled, weights, states, table, ignored=0, device="cpu"):
        self.model, self.train, self.ignored, self.device = model, train, ignored, device
        self.names = list(weights)
        self.weights = {name: weight.to(device).requires_grad_() for name, weight in weights.items()}
        self.averages = [weight.detach().clone() for weight in weights.values()]
        self.first = [torch.zeros_like(weight) for weight in self.averages]
        self.second = [torch.zeros_like(weight) for weight in self.averages]
        self.table = table.to(device)
        dtype = DTYPES[precision]
        self.trm = Trm(model, dtype, device)
        self.states = [state.to(device, dtype) for state in states]
        rows = train["slots"]
        self.y = torch.zeros(rows, self.trm.positions, model["hidden"], dtype=dtype, device=device)
        self.z = torch.zeros_like(self.y)
        self.halted, self.steps = [True] * rows, [0] * rows
        self.tokens = torch.zeros(rows, model["seqLen"], dtype=torch.int64, device=device)
        self.labels = torch.zeros_like(self.tokens)
        self.puzzles = torch.zeros(rows, dtype=torch.int64, device=device)
        self.done = 0
        self.seen = {}
        wrap = torch.compile if compiled else (lambda function: function)
        self.forward = wrap(self._forward)
        self.update = wrap(adam_atan2)
        self.think = wrap(self._think)

    def _forward(self, weights, fresh, y, z, tokens, labels, rows):
        logits, q_halt, y, z = self.trm.step(weights, fresh, y, z, self.states, tokens, rows)
        return losses(logits, q_halt, labels, self.ignored), logits, q_halt, y, z

    def _think(self, weights, fresh, y, z, tokens, rows):
        return self.trm.step(weights, fresh, y, z, self.states, tokens, rows)

    @torch.no_grad()
    def evaluate(self, tokens, puzzles):
        """All supervision steps from a fresh carry with the averaged weights. -> tokens (B, S - P) and q_halt on the host"""
        tokens, puzzles = tokens.to(self.device), puzzles.to(self.device)
        weights = dict(zip(self.names, self.averages))
        rows, y, z = self.table[puzzles], torch.zeros_like(self.y), torch.zeros_like(self.z)
        for step in range(self.model["haltMaxSteps"]):
            fresh = torch.full((len(tokens),), step == 0, device=self.device)
            logits, q_halt, y, z = self.think(weights, fresh, y, z, tokens, rows)
        return logits.argmax(-1).cpu(), q_halt.cpu()

    def step(self, tokens, labels, puzzles, least):
        """Incoming rows reach halted slots only. least: steps a slot must do before it may halt. -> (total, lm, q_halt)"""
        tokens, labels, puzzles = (rows.to(self.device) for rows in (tokens, labels, puzzles))
        fresh = torch.tensor(self.halted, device=self.device)
        self.tokens = torch.where(fresh[:, None], tokens, self.tokens)
        self.labels = torch.where(fresh[:, None], labels, self.labels)
        self.puzzles = torch.where(fresh, puzzles, self.puzzles)
        rows = self.table[self.puzzles].requires_grad_()
        for weight in self.weights.values():
            weight.grad = None
        found, logits, q_halt, y, z = self.forward(
            self.weights, fresh, self.y, self.z, self.tokens, self.labels, rows
        )
        (found[0] / self.train["slots"]).backward()
        self.seen = {"logits": logits, "q_halt": q_halt, "rows": rows.grad}
        self.gradients = [weight.grad for weight in self.weights.values()]
        self.y, self.z = y, z
        self._halt(q_halt.tolist(), least)
        self._optimize(rows.grad)
        return [float(one.detach()) for one in found]

    def _halt(self, q_halt, least):
        limit = self.model["haltMaxSteps"]
        for i, q in enumerate(q_halt):
            self.steps[i] = (0 if self.halted[i] else self.steps[i]) + 1
            done = self.steps[i] >= limit
            if limit > 1:
                done = (done or q > 0) and self.steps[i] >= least[i]
            self.halted[i] = done

    def _optimize(self, row_gradients):
        train = self.train
        self.done += 1
        if row_gradients is not None:
            lr = learning_rate(train["puzzleLr"], self.done, train)
            sign_sgd(self.table, self.puzzles, row_gradients, lr, train["puzzleWeightDecay"])
        lr = learning_rate(train["lr"], self.done, train)
        beta1, beta2 = train["beta1"], train["beta2"]
        scalars = torch.tensor(
            [
                1 - lr * train["weightDecay"],
                lr / (1 - beta1**self.done),
                math.sqrt(1 - beta2**self.done),
            ],
            dtype=torch.float32,
            device=self.device,
        ).unbind()
        with torch.no_grad():
            self.update(
                [weight.detach() for weight in self.weights.values()],
                self.gradients,
                self.first,
                self.second,
                self.averages,
                scalars,
                (beta1, beta2, train["emaRate"]),
            )
