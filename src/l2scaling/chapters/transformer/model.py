"""A small transformer in plain ``torch.nn``, which reads characters and foretells the next."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu


@dataclass(frozen=True)
class Shape:
    """How large a model is. ``width`` must be a multiple of ``head``, the width of an attention head.

    ``tied`` models read and write with one and the same embedding. Raises ``ValueError`` otherwise.

    >>> Shape(68, 48, head=32)
    Traceback (most recent call last):
        ...
    ValueError: width 48 with heads of 32: allowed multiples of 32
    """

    vocabulary: int
    width: int
    blocks: int = 2
    context: int = 32
    head: int = 16
    tied: bool = False

    def __post_init__(self) -> None:
        if self.width < 1 or self.width % self.head:
            raise ValueError(
                f"width {self.width} with heads of {self.head}: allowed multiples of {self.head}"
            )


class Block(nn.Module):
    """Attention over the past, then two dense layers; each reads a normalised stream and adds to it."""

    def __init__(self, width: int, head: int) -> None:
        super().__init__()
        self.head = head
        self.norm_1 = nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width)
        self.gather = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, stream: Tensor) -> Tensor:
        """Return what a block makes of its input; both have shape ``(batch, length, width)``."""
        batch, length, width = stream.shape
        split = self.attend(self.norm_1(stream)).view(batch, length, 3, -1, self.head)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        scores = query @ key.mT / math.sqrt(self.head)
        future = torch.ones(length, length, dtype=torch.bool, device=stream.device).triu(1)
        seen = scores.masked_fill(future, -math.inf).softmax(-1) @ value
        stream = stream + self.gather(seen.transpose(1, 2).reshape(batch, length, width))
        return stream + self.down(gelu(self.up(self.norm_2(stream))))


class CharacterModel(nn.Module):
    """Embeddings of characters and of positions, blocks, a last normalisation and a linear head.

    Takes numbers of characters, shape ``(batch, length)``, and returns logits of the next ones,
    ``(batch, length, vocabulary)``. Linear layers start as torch draws them, embeddings normal with
    standard deviation 0.02. A tied model has no head of its own; its logits are divided by ``shrink``.
    """

    def __init__(self, shape: Shape, shrink: float = 1.0) -> None:
        super().__init__()
        self.shape, self.shrink = shape, shrink
        self.characters = nn.Embedding(shape.vocabulary, shape.width)
        self.positions = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape.width, shape.head) for _ in range(shape.blocks))
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, shape.vocabulary, bias=False)
        for one in (self.characters, self.positions):
            nn.init.normal_(one.weight, std=0.02)
        if shape.tied:
            self.head.weight = self.characters.weight

    def forward(self, numbers: Tensor) -> Tensor:
        """Return the logits of the next characters, ``(batch, length, vocabulary)``."""
        stream = self.characters(numbers) + self.positions.weight[: numbers.shape[-1]]
        for block in self.blocks:
            stream = block(stream)
        return self.head(self.norm(stream)) / self.shrink


def begin(shape: Shape, seed: int, shrink: float = 1.0) -> CharacterModel:
    """Return a model whose start is drawn from ``seed``, whatever was drawn before.

    >>> sum(one.numel() for one in begin(Shape(68, 32), 0).parameters())
    30848
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CharacterModel(shape, shrink)
