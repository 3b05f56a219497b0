"""The backbone's text side: a CLIP tokenizer with a small vocabulary and a tiny text encoder."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from demo.distractors import DISTRACTOR_CLASSES
from demo.products import PRODUCT_CLASSES

START, END = "<|startoftext|>", "<|endoftext|>"
# The real one's length is 77; a keyword has one or two words, and attention costs by the token.
MOST_TOKENS = 16
# Words beside the product's that a keyword may have; any other word falls apart into letters.
OTHER_WORDS = """
a an the of on with and in photo picture ad product new
red orange yellow green blue purple pink brown black white grey dark light
shoe shoes cup can drink phone bag hat glasses
"""


def make_tokenizer() -> CLIPTokenizer:
    """Return a tokenizer that has one token for each word it was made for, and one for each byte.

    The merges are learned from the words by byte-pair encoding, with room for all of them.
    """
    words = " ".join((*PRODUCT_CLASSES, *DISTRACTOR_CLASSES, OTHER_WORDS)).split()
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=10_000, min_frequency=1, end_of_word_suffix="</w>", show_progress=False
    )
    bpe.train_from_iterator(sorted(set(words)), trainer)
    learned = bpe.get_vocab()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = [*alphabet, *(f"{letter}</w>" for letter in alphabet)]
    tokens = [*letters, *sorted(set(learned) - set(letters)), START, END]
    merges = json.loads(bpe.to_str())["model"]["merges"]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=[tuple(pair) for pair in merges],
        model_max_length=MOST_TOKENS,
    )


def make_text_encoder(tokenizer: CLIPTokenizer, width: int) -> CLIPTextModel:
    """Return a text encoder of two layers with random weights, to be trained with the UNet."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=max(1, width // 32),
            max_position_embeddings=MOST_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def tokenize(tokenizer: CLIPTokenizer, keywords: Sequence[str]) -> Tensor:
    """Return the keywords' token numbers, N×`MOST_TOKENS` int64, as the pipelines make them."""
    encoded = tokenizer(
        list(keywords), padding="max_length", truncation=True, max_length=MOST_TOKENS
    )
    return torch.tensor(encoded["input_ids"])
