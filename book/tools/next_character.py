"""Counts what follows a context in the training split (the first 90 %) of a text, for the book's picture of sampling.

    book/tools/next_character.py ../shared/data/tinyshakespeare.txt "the " > book/theme/next-character.json
"""
import collections
import json
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text(encoding="utf-8")
train, context = text[:len(text) * 9 // 10], sys.argv[2]
counts, at = collections.Counter(), train.find(context)
while 0 <= at < len(train) - len(context):
    counts[train[at + len(context)]] += 1
    at = train.find(context, at + 1)
print(json.dumps({"context": context, "corpus": "tiny Shakespeare, the first 90 %", "counts": counts.most_common()}))
