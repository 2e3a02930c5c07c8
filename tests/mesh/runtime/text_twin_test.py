"""mesh_text's UTF-8 against Python's decoder: every text of up to two bytes, every one of three and
four bytes that stand at a border of the encoding's tables, and random ones."""
import itertools
import random
import subprocess
import sys

BORDERS = sorted({
    0x00, 0x41, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
    0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xfb, 0xfc, 0xfe, 0xff})


def random_texts(count):
    numbers = random.Random(1)
    for _ in range(count):
        text = bytearray("".join(
            chr(numbers.choice((0x41, 0xfc, 0x7b56, 0x1f4c8, 0xd7ff, 0xe000, 0x10ffff)))
            for _ in range(numbers.randrange(1, 12))).encode())
        for _ in range(numbers.randrange(3)):
            text[numbers.randrange(len(text))] = numbers.choice(BORDERS)
        yield bytes(text[:numbers.randrange(1, len(text) + 1)])


def is_utf8(text):
    try:
        text.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


def main():
    texts = [b""]
    texts += [bytes(t) for n in (1, 2) for t in itertools.product(range(256), repeat=n)]
    texts += [bytes(t) for n in (3, 4) for t in itertools.product(BORDERS, repeat=n)]
    texts += random_texts(100_000)
    asked = b"".join(bytes([len(t)]) + t for t in texts)
    said = subprocess.run([sys.argv[1]], input=asked, stdout=subprocess.PIPE, check=True).stdout
    assert len(said) == len(texts), (len(said), len(texts))
    wrong = [(t, chr(s)) for t, s in zip(texts, said) if (s == ord("1")) != is_utf8(t)]
    assert not wrong, f"{len(wrong)} differ, the first: {wrong[:3]}"
    good = said.count(b"1")
    assert 0 < good < len(texts)
    print(f"{len(texts)} texts, {good} of them UTF-8: both decoders agree")


main()
