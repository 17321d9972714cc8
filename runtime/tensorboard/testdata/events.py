"""Writes the event file that the tests compare with, and reads event files.

events.py write   writes real.tfevents with TensorBoard's own protocol buffers and record
                  writer, from picture.png and the numbers that the Go test uses
events.py read DIR...   prints what TensorBoard's EventAccumulator finds in folders, as JSON

Made with tensorboard 2.21.0, protobuf 7.36.2, numpy 2.4.6.
"""
import io
import json
import os
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

HERE = os.path.dirname(os.path.abspath(__file__))


def write():
    out = io.BytesIO()
    records = RecordWriter(out)

    def event(step, **what):
        records.write(event_pb2.Event(wall_time=1700000000.25, step=step, **what).SerializeToString())

    event(0, file_version="brain.Event:2")
    event(1, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START))
    s = summary_pb2.Summary()
    s.value.add(tag="train/loss", simple_value=0.75)
    s.value.add(tag="speed/examples_per_second", simple_value=512)
    event(10, summary=s)
    s = summary_pb2.Summary()
    histogram = summary_pb2.HistogramProto(min=-3, max=2.5, num=5, sum=0.5, sum_squares=15.75)
    s.value.add(tag="parameters/w", histo=histogram)
    s.value[0].histo.bucket_limit.extend(edges()[0])
    s.value[0].histo.bucket.extend(edges()[1])
    png = open(os.path.join(HERE, "picture.png"), "rb").read()
    s.value.add(tag="reconstruction", image=summary_pb2.Summary.Image(height=2, width=3, colorspace=4, encoded_image_string=png))
    text = s.value.add(tag="settings")
    text.tensor.CopyFrom(tensor_pb2.TensorProto(dtype=7, string_val=[b"| a | b |"]))
    text.tensor.tensor_shape.dim.add(size=1)
    text.metadata.plugin_data.plugin_name = "text"
    event(20, summary=s)
    with open(os.path.join(HERE, "real.tfevents"), "wb") as f:
        f.write(out.getvalue())


def edges():
    """Buckets of the values -3, 0, 0.5, 0.5 and 2.5; edges are a quarter of a power of two apart."""
    positive = [2.0**e * (1 + m / 4) for e in range(-40, 3) for m in range(4)]
    limits = [-v for v in reversed(positive) if v <= 3.5] + [v for v in positive if v <= 3]
    counts = [0.0] * len(limits)
    for value in (-3, 0, 0.5, 0.5, 2.5):
        if value < 0:  # the edge itself belongs to the bucket away from zero
            counts[limits.index(min(v for v in limits if v >= value))] += 1
        elif value == 0:
            counts[limits.index(2.0**-40)] += 1
        else:
            counts[limits.index(min(v for v in limits if v > value))] += 1
    # Neighbours that are empty are one bucket.
    keep = [i for i in range(len(limits)) if counts[i] or i + 1 < len(counts) and counts[i + 1]]
    return [limits[i] for i in keep], [counts[i] for i in keep]


def read(folder):
    a = event_accumulator.EventAccumulator(folder, size_guidance={k: 0 for k in ("scalars", "histograms", "images", "tensors")})
    a.Reload()
    tags = a.Tags()
    found = {"scalars": {}, "histograms": {}, "images": {}, "text": {}}
    for t in tags["scalars"]:
        found["scalars"][t] = [[e.step, e.value] for e in a.Scalars(t)]
    for t in tags["histograms"]:
        found["histograms"][t] = [[e.step, e.histogram_value.num, e.histogram_value.min, e.histogram_value.max,
                                   sum(e.histogram_value.bucket)] for e in a.Histograms(t)]
    for t in tags["images"]:
        found["images"][t] = [[e.step, e.width, e.height] for e in a.Images(t)]
    for t in tags["tensors"]:
        found["text"][t] = [[e.step, e.tensor_proto.string_val[0].decode()] for e in a.Tensors(t)]
    return found


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write()
    else:
        json.dump([read(d) for d in sys.argv[2:]], sys.stdout, sort_keys=True)
