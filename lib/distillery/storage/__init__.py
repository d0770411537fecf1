"""Codes packed into bits, budgets, an entropy coder, a learned prior, the recollection file, and
the image codecs that are rivals.
"""

from distillery.storage.budgets import (
    FILES,
    Choice,
    Stored,
    TooSmallError,
    autoencoder_parameters,
    best_incremental,
    best_total,
    capacity_bits,
    codes_within,
    simple_bits,
    stored_bits,
)
from distillery.storage.codecs import JPEG, LZMA, PNG, Codec, Rate, WebP
from distillery.storage.coder import Decoder, Encoder, decode_codes, encode_codes
from distillery.storage.frequencies import counted_frequencies, frequencies, scored_frequencies
from distillery.storage.packing import Layout, layout, pack, packed_bits, unpack
from distillery.storage.prior import CodePrior, WholePrior
from distillery.storage.recollections import Recollections
from distillery.storage.search import searched_codes

__all__ = [
    "FILES",
    "JPEG",
    "LZMA",
    "PNG",
    "Choice",
    "CodePrior",
    "Codec",
    "Decoder",
    "Encoder",
    "Layout",
    "Rate",
    "Recollections",
    "Stored",
    "TooSmallError",
    "WebP",
    "WholePrior",
    "autoencoder_parameters",
    "best_incremental",
    "best_total",
    "capacity_bits",
    "codes_within",
    "counted_frequencies",
    "decode_codes",
    "encode_codes",
    "frequencies",
    "layout",
    "pack",
    "packed_bits",
    "scored_frequencies",
    "searched_codes",
    "simple_bits",
    "stored_bits",
    "unpack",
]
