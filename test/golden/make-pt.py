# Writes the files in pt/, for tests of what reads the files of torch.save. They are committed, so that no test needs torch.
# Made with torch 2.13.0:  python test/golden/make-pt.py
import math
import os
import pathlib
from collections import OrderedDict

import torch

FOLDER = pathlib.Path(__file__).parent / "pt"
FOLDER.mkdir(exist_ok=True)


def save(name, value, **options):
    torch.save(value, FOLDER / name, **options)


def network(prefix, hidden, vocab, puzzles):
    """A TRM of one attention layer in the order and with the names of the official code. Element i is (i mod 251 - 125) / 64."""
    inner = 256 * math.ceil(round(4 * hidden * 2 / 3) / 256)
    shapes = {
        "H_init": (hidden,),
        "L_init": (hidden,),
        "embed_tokens.embedding_weight": (vocab, hidden),
        "lm_head.weight": (vocab, hidden),
        "q_head.weight": (2, hidden),
        "q_head.bias": (2,),
        "puzzle_emb.weights": (puzzles, hidden),
        "L_level.layers.0.self_attn.qkv_proj.weight": (3 * hidden, hidden),
        "L_level.layers.0.self_attn.o_proj.weight": (hidden, hidden),
        "L_level.layers.0.mlp.gate_up_proj.weight": (2 * inner, hidden),
        "L_level.layers.0.mlp.down_proj.weight": (hidden, inner),
    }
    state = OrderedDict()
    for name, shape in shapes.items():
        values = torch.arange(math.prod(shape)).remainder(251).sub(125).div(64).reshape(shape)
        state[prefix + name] = values.to(torch.bfloat16) if name.endswith("_init") else values
    state[prefix + "puzzle_emb.weights"][0] = 0
    state[prefix + "puzzle_emb.weights"][2] = 0
    return state


compiled = network("_orig_mod.model.inner.", 4, 12, 4)
compiled._metadata = OrderedDict([("", {"version": 1})])
save("step_7", compiled)
save("plain.pt", network("model.inner.", 4, 12, 4))

line = torch.arange(24, dtype=torch.float32) / 8 - 1
grid = line.reshape(4, 6)
save(
    "kinds.pt",
    {
        "f32": grid,
        "f64": grid.double(),
        "f16": grid.half(),
        "bf16": grid.bfloat16(),
        "extremes": torch.tensor([6.103515625e-05, 5.960464477539063e-08, 65504, -0.0, math.inf, math.nan]).half(),
        "i64": torch.arange(3),
        "turned": grid.t(),
        "part": grid[1:3, 2:5],
        "every other": line[1::2],
        "row": grid[2],
        "same row": grid[2].unsqueeze(0),
        "stretched": grid[:, :1].expand(4, 3),
        "turned bf16": grid.bfloat16().t(),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 6),
        "parameter": torch.nn.Parameter(grid.clone()),
    },
)


class Malicious:
    def __reduce__(self):
        return (os.system, ("echo this must never run",))


save("refused-code.pt", {"a": torch.ones(2), "b": Malicious()})
save("refused-module.pt", torch.nn.Linear(2, 2))
save("refused-nested.pt", {"epoch": 3, "model": {"a": torch.ones(2)}})
save("refused-sparse.pt", {"a": torch.eye(3).to_sparse()})
save("refused-complex.pt", {"a": torch.ones(2, dtype=torch.complex64)})
save("refused-conjugate.pt", {"a": torch.ones(2, dtype=torch.float32), "b": torch._neg_view(torch.ones(2))})
save("refused-protocol.pt", {"a": torch.ones(2)}, pickle_protocol=4)
save("refused-legacy.pt", {"a": torch.ones(2)}, _use_new_zipfile_serialization=False)
