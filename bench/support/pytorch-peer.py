"""
The dual encoder in PyTorch, the peer of bench/training.ts. Reads a JSON line {model, data, threads}: sizes and hyperparameters, and the
folder that holds the arrays (little-endian, named as they are there); prints {"losses": [...]} of the first steps, then for every line
{"steps": n} that comes the seconds that each of n further steps took.
"""
import json
import math
import os
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def main():
    order = json.loads(sys.stdin.readline())
    torch.set_num_threads(order["threads"])
    torch.set_num_interop_threads(1)
    training = Training(order["model"], order["data"])
    print(json.dumps({"losses": [training.step(i) for i in range(order["model"]["compared"])]}), flush=True)
    done = order["model"]["compared"]
    training.encoder.dropout = order["model"]["featureDropout"]
    for line in sys.stdin:
        seconds = []
        for _ in range(json.loads(line)["steps"]):
            started = time.perf_counter()
            training.step(done)
            seconds.append(time.perf_counter() - started)
            done += 1
        print(json.dumps({"seconds": seconds}), flush=True)


class Block(nn.Module):
    def __init__(self, weights, name, heads):
        super().__init__()
        self.heads = heads
        for part in ["attention_scale", "inner_scale"]:
            setattr(self, part, nn.Parameter(weights(f"{name}_{part}")))
        for part in ["attention_in", "attention_out", "inner_up", "inner_down"]:
            setattr(self, part, linear(weights, f"{name}_{part}"))

    def norm(self, rows, scale):
        return rows / torch.sqrt(rows.square().mean(-1, keepdim=True) + 1e-6) * (scale + 1)

    def forward(self, rows, present):
        batch, places, width = rows.shape
        parts = self.attention_in(self.norm(rows, self.attention_scale)).view(batch, places, 3, self.heads, -1)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=present[:, None, None, :])
        rows = rows + self.attention_out(attended.transpose(1, 2).reshape(batch, places, width))
        inner = self.inner_up(self.norm(rows, self.inner_scale))
        return rows + self.inner_down(inner * torch.sigmoid(1.702 * inner))


def linear(weights, name):
    weight, bias = weights(f"{name}_weight"), weights(f"{name}_bias")
    layer = nn.Linear(weight.shape[0], weight.shape[1])
    layer.weight = nn.Parameter(weight.T.contiguous())
    layer.bias = nn.Parameter(bias)
    return layer


def gates(kind, matrix):
    """PyTorch has the gates of a GRU in the order reset, update, new, and of an LSTM input, forget, cell, output: as they are here."""
    return nn.Parameter(matrix.T.contiguous() if matrix.dim() == 2 else matrix)


class Encoder(nn.Module):
    def __init__(self, model, weights):
        super().__init__()
        self.kind, self.dropout = model["kind"], 0.0
        self.register_buffer("mean", weights("feature_mean"))
        self.register_buffer("scale", weights("feature_scale"))
        self.image = linear(weights, "image_projection")
        self.text = linear(weights, "words_projection")
        table = weights("words")
        self.words = nn.EmbeddingBag.from_pretrained(table, freeze=False, mode="mean", padding_idx=0) if self.kind == "bag" else nn.Embedding.from_pretrained(table, freeze=False)
        self.logit_scale = nn.Parameter(weights("logit_scale"))
        if self.kind in ("gru", "lstm"):
            layer = nn.GRU if self.kind == "gru" else nn.LSTM
            self.layer = layer(model["width"], model["hidden"], batch_first=True)
            for here, there in [("input", "ih"), ("state", "hh")]:
                setattr(self.layer, f"weight_{there}_l0", gates(self.kind, weights(f"{self.kind}_{here}_weight")))
                setattr(self.layer, f"bias_{there}_l0", gates(self.kind, weights(f"{self.kind}_{here}_bias")))
        if self.kind == "transformer":
            self.places = nn.Parameter(weights("places"))
            self.blocks = nn.ModuleList([Block(weights, f"block_{i}", model["heads"]) for i in range(model["layers"])])

    def read(self, ids):
        if self.kind == "bag":
            return self.words(ids)
        present = ids != 0
        rows = self.words(ids)
        if self.kind == "transformer":
            rows = rows * present[..., None] + self.places
            for block in self.blocks:
                rows = block(rows, present)
        else:
            rows, _ = self.layer(rows)
        mask = present[..., None].float()
        return (rows * mask).sum(1) / (mask.sum(1) + 1e-6)

    def forward(self, features, ids, matches):
        standard = F.dropout((features - self.mean) * self.scale, self.dropout)
        images = F.normalize(self.image(standard), dim=-1)
        texts = F.normalize(self.text(self.read(ids)), dim=-1)
        logits = images @ texts.T * self.logit_scale.clamp(max=math.log(100)).exp()
        per_image = matches / matches.sum(1, keepdim=True)
        per_text = matches / matches.sum(0, keepdim=True)
        image_to_text = (F.log_softmax(logits, 1) * per_image).sum()
        text_to_image = (F.log_softmax(logits, 0) * per_text).sum()
        return (image_to_text + text_to_image) * (-0.5 / len(features))


class Training:
    def __init__(self, model, folder):
        def array(name, dtype="<f4"):
            shape = model["shapes"][name]
            return torch.from_numpy(np.fromfile(os.path.join(folder, name), dtype=dtype).reshape(shape).copy())

        self.model = model
        self.features, self.ids, self.matches = array("features"), array("ids", "<i8"), array("matches")
        self.encoder = Encoder(model, array)
        decayed = [p for name, p in self.encoder.named_parameters() if p.dim() > 1 and name != "places"]
        others = [p for name, p in self.encoder.named_parameters() if p.dim() <= 1 or name == "places"]
        groups = [{"params": decayed, "weight_decay": model["weightDecay"]}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=model["learningRate"], fused=True)

    def step(self, number):
        at = number % len(self.features)
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.encoder(self.features[at], self.ids[at], self.matches[at])
        loss.backward()
        nn.utils.clip_grad_norm_(self.encoder.parameters(), self.model["maximumGradientNorm"])
        self.optimiser.step()
        return loss.item()


main()
