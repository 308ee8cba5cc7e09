// From what lies in the page to a model that can write.

import {makeCodec} from "./codec.mjs";
import {Model} from "./model.mjs";
import {decodeNumbers} from "./stored.mjs";

/**
 * @param read gives the text of a part of the page by its id, once
 * @return {description, model, codec}
 */
export function openPage(read) {
  const description = JSON.parse(read("description"));
  const tensors = {};
  description.tensors.forEach(({name, sizes}, i) => {
    const count = sizes.reduce((product, size) => product * size, 1);
    tensors[name] = decodeNumbers(read(`weights-${i}`), count, description.precision);
  });
  return {description, model: new Model(description.shape, tensors), codec: makeCodec(description.tokenizer)};
}
