"""TRM in PyTorch, as a yardstick: the network, one supervision step and its loss, as plain functions of tensors by name.

Everything follows the equations: post-norm blocks without gains, one shared network for both states, gradient through
the last H cycle only, stablemax in double precision. Shapes: B batch, S positions, D width, H heads, V vocabulary.
"""

import math

import torch
import torch.nn.functional as F


def swiglu_width(n, expansion):
    return 256 * math.ceil(round(expansion * n * 2 / 3) / 256)


def rms(x, eps):
    """x / sqrt(mean(x^2) + eps) over the last axis, in f32, without a gain."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def linear(x, weight):
    """The f32 master weight is cast afresh at each use, so each use adds its own gradient to it in f32."""
    return F.linear(x, weight.to(x.dtype))


def swiglu(x, gate_up, down):
    gate, up = linear(x, gate_up).chunk(2, dim=-1)
    return linear(F.silu(gate) * up, down)


def rope_tables(positions, head_dim, theta):
    """cos and sin of t * theta^(-2j / head_dim), (S, head_dim), each angle twice: dimension j pairs with j + head_dim / 2."""
    inverse = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles = torch.arange(positions, dtype=torch.float32)[:, None] * inverse[None, :]
    both = torch.cat([angles, angles], dim=-1)
    return both.cos(), both.sin()


def rotate(x, cos, sin):
    """x (B, S, H, head_dim), in f32 inside."""
    wide = x.float()
    low, high = wide.chunk(2, dim=-1)
    turned = torch.cat([-high, low], dim=-1)
    return (wide * cos[:, None, :] + turned * sin[:, None, :]).to(x.dtype)


class Trm:
    """Sizes and constants of a model; the weights are passed to each call."""

    def __init__(self, model, dtype, device="cpu"):
        self.model = model
        self.dtype = dtype
        self.positions = model["puzzleEmbLen"] + model["seqLen"]
        self.head_dim = model["hidden"] // model["heads"]
        self.rope = None
        if model["mixer"] == "attention" and model["positions"] == "rope":
            tables = rope_tables(self.positions, self.head_dim, model["ropeTheta"])
            self.rope = tuple(table.to(device) for table in tables)

    def attention(self, weights, layer, h):
        heads = self.model["heads"]
        batch, positions, width = h.shape
        qkv = linear(h, weights[layer + "self_attn.qkv_proj.weight"])
        q, k, v = qkv.view(batch, positions, 3, heads, self.head_dim).unbind(2)
        if self.rope is not None:
            q, k = rotate(q, *self.rope), rotate(k, *self.rope)
        mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return linear(mixed.transpose(1, 2).reshape(batch, positions, width), weights[layer + "self_attn.o_proj.weight"])

    def network(self, weights, h, injected):
        eps = self.model["rmsNormEps"]
        h = h + injected
        for i in range(self.model["layers"]):
            layer = f"L_level.layers.{i}."
            if self.model["mixer"] == "mlp":
                across = h.transpose(1, 2)
                gate_up, down = (weights[f"{layer}mlp_t.{name}_proj.weight"] for name in ("gate_up", "down"))
                h = rms(across + swiglu(across, gate_up, down), eps).transpose(1, 2)
            else:
                h = rms(h + self.attention(weights, layer, h), eps)
            gate_up, down = (weights[f"{layer}mlp.{name}_proj.weight"] for name in ("gate_up", "down"))
            h = rms(h + swiglu(h, gate_up, down), eps)
        return h

    def encode(self, weights, tokens, rows):
        """tokens (B, S - P), rows (B, puzzle width) -> x (B, S, D)."""
        model = self.model
        x = F.embedding(tokens, weights["embed_tokens.embedding_weight"].to(self.dtype))
        if model["puzzleEmbDim"] > 0:
            flat = F.pad(rows.to(self.dtype), (0, model["puzzleEmbLen"] * model["hidden"] - model["puzzleEmbDim"]))
            x = torch.cat([flat.view(-1, model["puzzleEmbLen"], model["hidden"]), x], dim=1)
        if model["positions"] == "learned":
            x = 0.707106781 * (x + weights["embed_pos.embedding_weight"].to(self.dtype))
        return math.sqrt(model["hidden"]) * x

    def cycle(self, weights, y, z, x):
        for _ in range(self.model["lCycles"]):
            z = self.network(weights, z, y + x)
        return self.network(weights, y, z), z

    def step(self, weights, fresh, y, z, states, tokens, rows):
        """One supervision step. fresh (B): starts from the initial states. -> logits, q_halt (f32), new y and z."""
        y_init, z_init = states
        y = torch.where(fresh[:, None, None], y_init, y)
        z = torch.where(fresh[:, None, None], z_init, z)
        x = self.encode(weights, tokens, rows)
        with torch.no_grad():
            for _ in range(self.model["hCycles"] - 1):
                y, z = self.cycle(weights, y, z, x)
        y, z = self.cycle(weights, y, z, x)
        logits = linear(y, weights["lm_head.weight"])[:, self.model["puzzleEmbLen"] :]
        q = F.linear(y[:, 0], weights["q_head.weight"].to(y.dtype), weights["q_head.bias"].to(y.dtype)).float()
        return logits, q[:, 0], y.detach(), z.detach()


def log_stablemax(x):
    s = torch.where(x < 0, 1 / (1 - x + 1e-30), x + 1)
    return torch.log(s / s.sum(-1, keepdim=True))


def losses(logits, q_halt, labels, ignored):
    """-> (total, lm, q_halt): sums over the rows, the lm loss of a row being the mean over its counted cells."""
    counts = labels != ignored
    divisor = counts.sum(-1).clamp_min(1)
    target = torch.where(counts, labels, 0).long()
    picked = log_stablemax(logits.double()).gather(-1, target[..., None])[..., 0]
    lm = (torch.where(counts, -picked, 0) / divisor[:, None]).sum()
    with torch.no_grad():
        right = ((logits.argmax(-1) == labels) | ~counts).all(-1)
    halt = F.binary_cross_entropy_with_logits(q_halt, right.to(q_halt.dtype), reduction="sum")
    return lm + 0.5 * halt, lm, halt
