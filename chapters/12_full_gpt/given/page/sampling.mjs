// From logits to the next token: chapter 7's functions, in float64 and in their order of sums.

/** Softmax of logits / temperature. */
export function temperatureProbabilities(logits, temperature) {
  const scores = Float64Array.from(logits, (logit) => logit / temperature);
  const largest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  let sum = 0;
  for (let i = 0; i < scores.length; ++i) sum += scores[i] = Math.exp(scores[i] - largest);
  return scores.map((weight) => weight / sum);
}

function sharedOut(kept) {
  let sum = 0;
  for (const each of kept) sum += each;
  return kept.map((each) => each / sum);
}

/** Keeps the k most probable tokens, and those that tie with the k-th. */
export function keepTopK(probabilities, k) {
  if (k >= probabilities.length) return sharedOut(probabilities);
  const least = Float64Array.from(probabilities).sort()[probabilities.length - k];
  return sharedOut(probabilities.map((each) => (each >= least ? each : 0)));
}

/** Keeps the smallest set of most probable tokens whose total reaches p, the one that crosses it included. */
export function keepTopP(probabilities, p) {
  const order = mostProbable(probabilities, probabilities.length);
  const kept = new Float64Array(probabilities.length);
  let total = 0;
  for (const token of order) {
    total += probabilities[token];
    if (total - probabilities[token] < p) kept[token] = probabilities[token];
  }
  return sharedOut(kept);
}

/** The first token whose cumulative probability exceeds a uniform number. */
export function draw(probabilities, random) {
  const place = random.uniform();
  let end = 0, lastPossible = 0;
  for (let token = 0; token < probabilities.length; ++token) {
    end += probabilities[token];
    if (place < end) return token;
    if (probabilities[token] > 0) lastPossible = token;
  }
  return lastPossible;
}

/** The most probable token; of several, the smallest. */
export function greedy(logits) {
  let best = 0;
  for (let token = 1; token < logits.length; ++token) if (logits[token] > logits[best]) best = token;
  return best;
}

/** The numbers of the most probable tokens, in falling order; of equals the smaller first. */
export function mostProbable(probabilities, count) {
  const order = Array.from(probabilities, (_, token) => token);
  order.sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  return order.slice(0, count);
}

/** What a token is drawn from. @param options {temperature, topK, topP, greedy}; topK and topP may be missing */
export function probabilitiesOf(logits, options) {
  if (options.greedy) return temperatureProbabilities(logits, 1);
  let probabilities = temperatureProbabilities(logits, options.temperature);
  if (options.topK) probabilities = keepTopK(probabilities, options.topK);
  if (options.topP) probabilities = keepTopP(probabilities, options.topP);
  return probabilities;
}
