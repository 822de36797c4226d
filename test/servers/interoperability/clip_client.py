"""Asks clip-retrieval's own client: ADDRESS PICTURE. The package itself would import PyTorch, so its client is loaded alone."""

import importlib.util
import json
import sys

address, picture = sys.argv[1:]
package = importlib.util.find_spec("clip_retrieval")
spec = importlib.util.spec_from_file_location("clip_client", package.submodule_search_locations[0] + "/clip_client.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


def client(**options):
    return module.ClipClient(url=address + "/knn-service", indice_name="pairstream", **options)


print(
    json.dumps(
        {
            "text": client().query(text="red"),
            "image": client(num_images=1).query(image=picture),
            "captions": client(modality=module.Modality.TEXT).query(text="blue"),
            "embedding": client().query(embedding_input=json.load(sys.stdin)),
            "address": client().query(image="http://127.0.0.1:1/a.jpg"),
        }
    )
)
