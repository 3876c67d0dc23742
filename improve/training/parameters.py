"""Parameters of `improve.finetune` and `improve.merge`: strict, so that a typing error never trains something else.

improve.finetune:
  model: hf:org/name          where no model artifact is among the inputs
  steps: 300
  batch: 16
  learning_rate: 1.0e-3
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.config import Strict

ALL_LINEAR = "all-linear"
"""PEFT's word for every linear layer but the output layer."""


class Finetune(Strict):
    """LoRA supervised fine-tuning (Hu et al. 2021, arXiv 2106.09685)."""

    model: str = ""
    """Spec of the base (`hf:org/name`, a folder, `tiny`) where no model artifact is given."""
    revision: str | None = None
    """Branch, tag or commit of a base on the hub."""
    r: int = Field(default=16, ge=1)
    """Rank of the adapter."""
    alpha: int = Field(default=32, ge=1)
    """Its output is multiplied by alpha / r."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str | list[str] = ALL_LINEAR
    """Names of the modules that get an adapter (`q_proj`)."""
    steps: int | None = Field(default=None, ge=1)
    """Optimiser steps; None: as many as `epochs` takes."""
    epochs: float | None = Field(default=None, gt=0)
    """Passes over the rows; None where `steps` is given, else 1."""
    batch: int = Field(default=8, ge=1)
    """Rows of a forward pass on each device."""
    accumulation: int = Field(default=1, ge=1)
    """Forward passes of an optimiser step."""
    learning_rate: float = Field(default=2e-4, gt=0)
    """At its peak."""
    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    warmup: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps in which the learning rate rises to its peak."""
    max_length: int | None = Field(default=None, ge=2)
    """Tokens of a row; longer ones are left out and counted, never cut. None: the model's context."""
    seed: int = Field(default=0, ge=0)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the base's weights and of the arithmetic; `auto`: bfloat16 on an accelerator that has it, else float32."""
    use_cpu: bool | None = None
    """None: only where there is no accelerator."""
    quantised: bool = False
    """QLoRA (Dettmers et al. 2023, arXiv 2305.14314): the base in 4-bit NF4 through bitsandbytes."""
    gradient_checkpointing: bool = False
    """Slower by a fifth, for less memory."""
    held_out: float = Field(default=0.1, ge=0, le=0.5)
    """Share of the rows, chosen by their ids, that is not trained on: over-fitting is seen there."""
    early_stop: int | None = Field(default=None, ge=1)
    """End after so many of the ten evaluations without a better held-out loss, and keep the best adapter."""

    @model_validator(mode="after")
    def _consistent(self) -> Finetune:
        if self.steps is not None and self.epochs is not None:
            raise ValueError("steps and epochs are both given: which one ends the training?")
        if self.early_stop is not None and self.held_out == 0:
            raise ValueError("early_stop needs rows held out: held_out is 0")
        return self


class Merge(Strict):
    """Adding an adapter to its base's weights."""

    model: str = ""
    """Spec of the base where no model artifact is given; empty: the one that the adapter's run record names."""
    revision: str | None = None
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    """Of the merged weights. The sum itself is always made in float32."""
    prompts: int = Field(default=16, ge=1)
    """Rows on which adapter and merged model must agree."""
    max_tokens: int = Field(default=48, ge=1)
    """Length of the texts that are compared."""
