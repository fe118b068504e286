"""From recordings to a trained network: data, front end, networks, training, evaluation."""
