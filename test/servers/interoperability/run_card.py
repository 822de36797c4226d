"""Reads a model's folder with the field's own tools and runs the program that its card prints: run_card.py TEXTS PICTURE, in the folder."""

import json, re, sys

from huggingface_hub import ModelCard
from tokenizers import Tokenizer

texts, picture = json.loads(sys.argv[1]), sys.argv[2]
card = ModelCard.load("README.md")
exec(re.search(r"```python\n(.*?)```", card.text, re.S)[1])

tokenizer = Tokenizer.from_file("tokenizer.json")
facts = {
    "card": {name: card.data[name] for name in ("license", "license_name", "library_name", "pipeline_tag", "tags")},
    "results": [
        {"metric": result.metric_type, "name": result.metric_name, "value": result.metric_value, "split": result.dataset_split}
        for result in card.data.eval_results
    ],
    "json": [json.load(open(name)).__class__.__name__ for name in ("config.json", "preprocessor_config.json")],
    "ids": [tokenizer.encode(text).ids for text in texts],
    "texts": [embed_text(text).tolist() for text in texts],
    "picture": embed_picture(picture).tolist(),
}
print(json.dumps(facts))
