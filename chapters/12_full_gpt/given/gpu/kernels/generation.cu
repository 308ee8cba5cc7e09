// The parts of writing one token.
