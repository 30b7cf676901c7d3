"""The scaled clock outside the functions: how often the sweep runs, how long a queue hides a message."""

import math
import threading

from .emulator import Emulator

SWEEP_SECONDS = 60


def scale_queues(emulator: Emulator, time_scale: float, least_seconds: int) -> None:
    """Shortens the time after which a queue hands out a message again that nobody finished."""
    sqs = emulator.client("sqs")
    for queue in sqs.list_queues()["QueueUrls"]:
        seconds = int(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"])
        scaled = max(least_seconds, math.ceil(seconds * time_scale))
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(scaled)})


class Clock:
    """Invokes the sweep function every minute of scaled time, at most once a second, until closed.

    The schedule of the template knows nothing shorter than a minute.
    """

    def __init__(self, emulator: Emulator, function: str, time_scale: float):
        self._stop = threading.Event()
        self._period = max(1.0, SWEEP_SECONDS * time_scale)
        self._client = emulator.client("lambda")
        self._function = function
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._period):
            try:
                self._client.invoke(FunctionName=self._function, InvocationType="RequestResponse", Payload=b'{"source":"aws.scheduler"}')
            except Exception:  # the emulator is going down, or the function says so in its log
                continue

    def close(self) -> None:
        """Stops, and waits for a sweep under way."""
        self._stop.set()
        self._thread.join(timeout=10)
