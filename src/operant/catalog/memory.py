"""Memory-v0."""

from operant.spec import EnvSpec, Observation, Quantity

SPEC = EnvSpec(
    id="Memory-v0",
    header="memory",
    summary="Recall after a delay which of two cues was shown.",
    state=(Quantity("cue", "1", low=-1, high=1), Quantity("time", "steps", low=0)),
    observation=(Observation("cue", -1.0, 1.0), Observation("question", 0.0, 1.0)),
    actions=2,
    max_episode_steps=1000,  # the longest delay, plus the steps of the cue and the question
    reward_threshold=0.95,
    reference="operant.reference.memory:Memory",
    render_fps=4,
)
