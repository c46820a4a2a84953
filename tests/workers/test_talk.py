"""The caller's talk with workers, over a crew whose answers the test writes."""

from array import array

from operant.workers.loop import DONE, STEP
from operant.workers.talk import Talk


class Answering:
    """A crew of three workers, which answer in the orders that it is given."""

    def __init__(self, orders):
        self.orders = orders
        self.asked = []

    def command_all(self, word, order):
        self.asked.append((word, list(order)))

    def listen(self, seconds):
        return array("I", [DONE + worker for worker in self.orders.pop(0)])


def test_the_worker_that_answered_last_is_asked_first():
    """It left an idle core, and is woken there; the first one's core is the caller's by then."""
    crew = Answering([[0], [1, 2], [2], [0], [1]])
    talk = Talk(crew, [slice(0, 1), slice(1, 2), slice(2, 3)], None)
    for _ in range(2):
        talk.ask(STEP, final=True)
    assert crew.asked == [(STEP, [0, 1, 2]), (STEP, [2, 1, 0])]
    crew.orders = [[0, 1, 2]]
    talk.ask(STEP, final=True)
    assert crew.asked[-1] == (STEP, [1, 0, 2])
