"""The entropy coder beside constriction's, which is written in Rust: symbols a second and bytes.

    OMP_NUM_THREADS=1 python tests/bench/bench_coder.py [--codes 50000] [--repeats 15]

One thread, one process, in turns. By one table for all symbols, and, ours alone, codes by tables
that adapt to each variable. constriction may have its model, and the symbols in the type that it
takes, ready before the clock starts. The overhead is over what the table's probabilities say.
"""

from __future__ import annotations

import argparse

import constriction
import numpy as np
from paired import Timing, compare, note

from distillery.storage.coder import Decoder, Encoder, decode_codes, encode_codes
from distillery.storage.frequencies import TOTAL, frequencies

VARIABLES, VALUES = 38, (2, 3, 16, 200)
TARGET_TIMES, TARGET_OVERHEAD = 1.5, 0.001


def ours(symbols: np.ndarray, table: np.ndarray) -> bytes:
    encoder = Encoder()
    encoder.put(symbols, table)
    return encoder.finish()


def read_by_ours(string: bytes, table: np.ndarray, count: int) -> np.ndarray:
    decoder = Decoder(string, count)
    symbols = decoder.take(table, count)
    decoder.finish()
    return symbols


def theirs(symbols: np.ndarray, model: object) -> np.ndarray:
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(symbols, model)
    return coder.get_compressed()


def read_by_theirs(words: np.ndarray, model: object, count: int) -> np.ndarray:
    return constriction.stream.stack.AnsCoder(words).decode(model, count)


def one_table(values: int, codes: int, repeats: int) -> None:
    rng, count = np.random.default_rng(0), codes * VARIABLES
    table = frequencies(rng.dirichlet(np.ones(values)))
    probs = table / TOTAL
    symbols = rng.choice(values, count, p=probs).astype(np.uint8)
    same = symbols.astype(np.int32)  # the type that constriction takes
    model = constriction.stream.model.Categorical(probs.astype(np.float32), perfect=False)
    string, words = ours(symbols, table), theirs(same, model)
    assert (read_by_ours(string, table, count) == read_by_theirs(words, model, count)).all()
    overhead = len(string) / (-np.log2(probs[symbols]).sum() / 8) - 1
    title = f"{count:,} symbols of {values} values: {len(string):,} bytes ours"
    print(f"\n{title}, {words.nbytes:,} constriction's; our overhead {overhead:.3%}")
    encoders = {"ours": lambda: ours(symbols, table), "constriction": lambda: theirs(same, model)}
    note(
        "coder", *compare("encoding", encoders, repeats).values(), case=f"encoding {values} values"
    )
    decoders = {
        "ours": lambda: read_by_ours(string, table, count),
        "constriction": lambda: read_by_theirs(words, model, count),
    }
    note(
        "coder", *compare("decoding", decoders, repeats).values(), case=f"decoding {values} values"
    )
    least = len(string) / (1 + overhead)
    bytes_of = Timing("ours", [len(string)]), Timing("what the table says", [least])
    note("coder_overhead", *bytes_of, case=f"{values} values")


def adapting(values: int, codes: int, repeats: int) -> None:
    rng = np.random.default_rng(1)
    many = rng.integers(0, values, (codes, VARIABLES)).astype(np.uint8)
    string = encode_codes(many, values)
    compare(
        f"{codes:,} codes of {VARIABLES} variables by tables that adapt, {len(string):,} bytes",
        {
            "encoding": lambda: encode_codes(many, values),
            "decoding": lambda: decode_codes(string, values, many.shape),
        },
        repeats,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--codes", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=15)
    asked = parser.parse_args()
    for values in VALUES:
        one_table(values, asked.codes, asked.repeats)
    adapting(2, asked.codes, asked.repeats)
    print(
        f"\ntargets: constriction's time at least {1 / TARGET_TIMES:.2f} of ours, and an overhead"
        f" of {TARGET_OVERHEAD:.1%} at most (of which 8 bytes a lane are the format's)"
    )


if __name__ == "__main__":
    main()
