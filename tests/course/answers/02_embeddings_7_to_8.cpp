// Answers to exercises 2.7 to 2.8 of chapter 2: wrong ones that people give, and right ones written otherwise.

//! [2.7] wrong no_attention_biases: no biases in attention
ParameterCount count;
const auto w = shape.width;
count.token_embedding = shape.vocabulary_size * w;
count.position_embedding = shape.context * w;
count.attention = 4 * w * w;
count.mlp = 8 * w * w + 5 * w;
count.norms = 4 * w;
count.block = count.attention + count.mlp + count.norms;
count.final_norm = 2 * w;
count.total = count.token_embedding + count.position_embedding + shape.layers * count.block + count.final_norm;
return count;

//! [2.7] wrong final_norm_not_added: the final norm left out of the total
ParameterCount count;
const auto w = shape.width;
count.token_embedding = shape.vocabulary_size * w;
count.position_embedding = shape.context * w;
count.attention = 4 * w * w + 4 * w;
count.mlp = 8 * w * w + 5 * w;
count.norms = 4 * w;
count.block = count.attention + count.mlp + count.norms;
count.final_norm = 2 * w;
count.total = count.token_embedding + count.position_embedding + shape.layers * count.block;
return count;

//! [2.7] wrong head_counted_twice: the head counted too
ParameterCount count;
const auto w = shape.width;
count.token_embedding = shape.vocabulary_size * w;
count.position_embedding = shape.context * w;
count.attention = 4 * w * w + 4 * w;
count.mlp = 8 * w * w + 5 * w;
count.norms = 4 * w;
count.block = count.attention + count.mlp + count.norms;
count.final_norm = 2 * w;
count.total = 2 * count.token_embedding + count.position_embedding + shape.layers * count.block + count.final_norm;
return count;

//! [2.7] wrong one_norm_a_block: one norm a block
ParameterCount count;
const auto w = shape.width;
count.token_embedding = shape.vocabulary_size * w;
count.position_embedding = shape.context * w;
count.attention = 4 * w * w + 4 * w;
count.mlp = 8 * w * w + 5 * w;
count.norms = 2 * w;
count.block = count.attention + count.mlp + count.norms;
count.final_norm = 2 * w;
count.total = count.token_embedding + count.position_embedding + shape.layers * count.block + count.final_norm;
return count;

//! [2.7] wrong no_mlp_biases: MLP without biases
ParameterCount count;
const auto w = shape.width;
count.token_embedding = shape.vocabulary_size * w;
count.position_embedding = shape.context * w;
count.attention = 4 * w * w + 4 * w;
count.mlp = 8 * w * w;
count.norms = 4 * w;
count.block = count.attention + count.mlp + count.norms;
count.final_norm = 2 * w;
count.total = count.token_embedding + count.position_embedding + shape.layers * count.block + count.final_norm;
return count;

//! [2.7] wrong thirty_two_bits: 32 bits
ParameterCount count;
const int w = static_cast<int>(shape.width), v = static_cast<int>(shape.vocabulary_size), l = static_cast<int>(shape.layers);
count.token_embedding = v * w;
count.position_embedding = shape.context * w;
count.attention = 4 * w * w + 4 * w;
count.mlp = 8 * w * w + 5 * w;
count.norms = 4 * w;
count.block = count.attention + count.mlp + count.norms;
count.final_norm = 2 * w;
count.total = count.token_embedding + count.position_embedding + static_cast<int>(l * count.block) + count.final_norm;
return count;

//! [2.7] wrong one_layer: the layers forgotten
const std::int64_t w = shape.width;
ParameterCount count;
count.token_embedding = w * shape.vocabulary_size;
count.position_embedding = w * shape.context;
count.attention = 4 * w * (w + 1);
count.mlp = 8 * w * w + 5 * w;
count.norms = 4 * w;
count.block = count.attention + count.mlp + count.norms;
count.final_norm = 2 * w;
for (const auto part : {count.token_embedding, count.position_embedding, count.block, count.final_norm}) count.total += part;
return count;

//! [2.7] right: summed from the total down
const std::int64_t w = shape.width, square = w * w;
ParameterCount count;
count.norms = (count.final_norm = 2 * w) * 2;
count.attention = 3 * (square + w) + square + w;
count.mlp = w * (4 * w) + 4 * w + 4 * w * w + w;
count.block = 12 * square + 13 * w;
count.token_embedding = w * shape.vocabulary_size;
count.position_embedding = w * shape.context;
count.total = w * (shape.vocabulary_size + shape.context) + shape.layers * count.block + 2 * w;
return count;

//! [2.7] right: matrix by matrix, and its bias
const std::int64_t w = shape.width;
const auto projection = [](std::int64_t inputs, std::int64_t outputs) { return inputs * outputs + outputs; };
ParameterCount count;
for (int i = 0; i < 4; ++i) count.attention += projection(w, w);
count.mlp = projection(w, 4 * w) + projection(4 * w, w);
count.final_norm = w + w;
count.norms = count.final_norm + count.final_norm;
count.block = count.norms + count.mlp + count.attention;
count.token_embedding = shape.vocabulary_size * w;
count.position_embedding = shape.context * w;
for (std::int64_t layer = 0; layer < shape.layers; ++layer) count.total += count.block;
count.total += count.final_norm + count.position_embedding + count.token_embedding;
return count;

//! [2.7] right: tensors made and counted, without memory
const auto meta = torch::device(torch::kMeta);
const auto size = [&](std::initializer_list<std::int64_t> sizes) { return torch::empty(torch::IntArrayRef(sizes), meta).numel(); };
const std::int64_t w = shape.width;
ParameterCount c;
c.token_embedding = size({shape.vocabulary_size, w});
c.position_embedding = size({shape.context, w});
c.attention = size({3 * w, w}) + size({3 * w}) + size({w, w}) + size({w});
c.mlp = size({4 * w, w}) + size({4 * w}) + size({w, 4 * w}) + size({w});
c.norms = size({2, 2, w});
c.block = c.attention + c.mlp + c.norms;
c.final_norm = size({2, w});
c.total = c.token_embedding + c.position_embedding + size({shape.layers, c.block}) + c.final_norm;
return c;

//! [2.8] wrong always_tied: always tied
return embed_tokens(token_table, tokens).matmul(token_table.t());

//! [2.8] wrong tables_swapped: tables exchanged
return embed_tokens(output_table, tokens).matmul(token_table.t());

//! [2.8] wrong probabilities: probabilities
return softmax(embed_tokens(token_table, tokens).matmul(output_table.t()));

//! [2.8] wrong not_transposed: not transposed
return embed_tokens(token_table, tokens).matmul(output_table);

//! [2.8] wrong logarithms: logarithms of probabilities
return torch::log_softmax(embed_tokens(token_table, tokens).matmul(output_table.t()), -1);

//! [2.8] wrong tied_by_copy: the output table detached
return embed_tokens(token_table, tokens).matmul(output_table.detach().t());

//! [2.8] wrong scaled: scaled
return embed_tokens(token_table, tokens).matmul(output_table.t()) / std::sqrt(static_cast<double>(token_table.size(1)));

//! [2.8] right: linear
return torch::nn::functional::linear(torch::embedding(token_table, tokens), output_table);

//! [2.8] right: all pairs first, then the rows
return torch::matmul(token_table, output_table.t()).index_select(0, tokens);

//! [2.8] right: einsum
return torch::einsum("rw,vw->rv", {embed_tokens(token_table, tokens), output_table});
