"""Prints what publisher.py computes for the test vectors, in their form: vectors.py BROKERS REGISTRY_URL VECTORS SCHEMA."""

import io, json, sys

import fastavro, publisher


def outcome(caption):
    try:
        return {"caption": caption, "normalised": publisher.normalise(caption)}
    except ValueError:
        return {"caption": caption, "refused": True}


def image(picture, counts):
    name = publisher.image_id(bytes.fromhex(picture))
    partitions = {count: publisher.partition(name, int(count)) for count in counts}
    return {"picture": picture, "imageId": name, "murmur2": publisher.murmur2(name.encode()), "partitions": partitions}


vectors, schema = json.loads(sys.argv[3]), json.loads(sys.argv[4])
record = vectors["record"]
value = io.BytesIO()
value.write(b"\0" + record["schemaId"].to_bytes(4, "big"))
pair = record["value"] | {"picture": bytes.fromhex(record["value"]["picture"])}
fastavro.schemaless_writer(value, fastavro.parse_schema(schema), pair)
computed = {
    "images": [image(vector["picture"], vector["partitions"]) for vector in vectors["images"]],
    "captions": [outcome(vector["caption"]) for vector in vectors["captions"]],
    "pairs": [
        vector | {"pairId": publisher.pair_id(vector["imageId"], vector["caption"], vector["subject"])}
        for vector in vectors["pairs"]
    ],
    "framed": value.getvalue().hex(),
}
print(json.dumps(computed))
