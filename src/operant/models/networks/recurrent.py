"""An LSTM over sequences within which episodes may begin; its state `[2, N, H]` is the hidden and the cell state."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from operant.cuda.graphs import inside_graph


def orthogonal_lstm(features: int, units: int) -> nn.LSTM:
    """Makes an LSTM of one layer, with orthogonal weights and zero biases."""
    lstm = nn.LSTM(features, units)
    for name, parameter in lstm.named_parameters():
        if "weight" in name:
            nn.init.orthogonal_(parameter)
        else:
            nn.init.zeros_(parameter)
    return lstm


def run_lstm(lstm: nn.LSTM, features: Tensor, state: Tensor | None, starts: Tensor | None) -> tuple[Tensor, Tensor]:
    """Computes the hidden states `[T, N, H]` for features `[T, N, F]`, and the state after the last step.

    `state` is the state before the first step (None: zeros). If `starts` `[T, N]` is true at t, the state before step t
    is zero (None: at no step). Segments between such steps run at once. In a CUDA graph, which cannot depend on the
    values of `starts`, every step runs alone.

    Raises:
        ValueError: the features do not have three dimensions.
    """
    if features.ndim != 3:
        leading = list(features.shape[:-1])
        raise ValueError(f"a recurrent network takes observations [T, N, ...], but these begin with {leading}")
    if state is None:
        state = features.new_zeros(2, features.shape[1], lstm.hidden_size)
    hidden, cell = state
    resets: set[int] = set()
    if starts is not None:
        all_steps = range(len(features))
        resets = set(all_steps if inside_graph() else starts.any(1).nonzero().flatten().tolist())
    weights = list(lstm.parameters())
    outputs = []
    for begin, end in pairwise(sorted({0, *resets, len(features)})):
        if starts is not None and begin in resets:
            keep = ~starts[begin].unsqueeze(-1)
            hidden, cell = hidden * keep, cell * keep
        if end - begin == 1:  # nn.LSTM's preparations take longer than one step
            hidden, cell = torch.lstm_cell(features[begin], (hidden, cell), *weights)
            outputs.append(hidden.unsqueeze(0))
        else:
            output, (hidden, cell) = lstm(features[begin:end], (hidden.unsqueeze(0), cell.unsqueeze(0)))
            hidden, cell = hidden.squeeze(0), cell.squeeze(0)
            outputs.append(output)
    return torch.cat(outputs), torch.stack((hidden, cell))
