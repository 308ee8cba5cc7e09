// From what lies in the page to a model that can write.

import {makeCodec} from "./codec.mjs";
import {Model} from "./model.mjs";
import {decodeNumbers, decodeRows} from "./stored.mjs";

/**
 * @param read gives the text of a part of the page by its id, once
 * @return {description, model, codec}
 */
export function openPage(read) {
  const description = JSON.parse(read("description"));
  const {precision} = description, tensors = {};
  description.tensors.forEach(({name, sizes}, i) => {
    const count = sizes.reduce((product, size) => product * size, 1), columns = sizes.at(-1), text = read(`weights-${i}`);
    if (precision === "int8") {
      tensors[name] = sizes.length > 1 ? decodeRows(text, count / columns, columns) : decodeNumbers(text, count, "fp32");
    } else {
      tensors[name] = decodeNumbers(text, count, precision);
    }
  });
  return {description, model: new Model(description.shape, tensors), codec: makeCodec(description.tokenizer)};
}
