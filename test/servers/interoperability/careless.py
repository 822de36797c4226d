"""Publishes one pair as a careless program would: careless.py BROKERS REGISTRY_URL MISTAKE PICTURE CONTENT_TYPE WIDTH HEIGHT CAPTION."""

import json, os, sys

import publisher

rightly = {"partition": publisher.partition, "pair_id": publisher.pair_id}
brokers, registry, mistake, path, content_type, width, height, caption = sys.argv[1:]
careless = publisher.Publisher(brokers, registry, os.environ.get("TOPIC_PREFIX", ""))

if mistake == "wrong-partition":
    publisher.partition = lambda image, count: (rightly["partition"](image, count) + 1) % count
elif mistake == "wrong-id":
    publisher.pair_id = lambda image, caption: rightly["pair_id"](image, caption + " or so")
elif mistake == "record-unreadable":
    framed = careless._send
    careless._send = lambda image, pair, value: framed(image, pair, value[5:])

with open(path, "rb") as file:
    print(json.dumps(careless.publish(file.read(), content_type, int(width), int(height), caption)))
