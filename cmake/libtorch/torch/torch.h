#pragma once

/// @file
/// What the course uses of LibTorch, in place of LibTorch's own header of this name, which the build does not see.
///
/// LibTorch's <torch/torch.h> brings every layer, every optimizer, its data sets and its interpreter. Their templates
/// are instantiated anew in each file, precompiled header or not: a second of every compilation. The narrower headers
/// here name what the course uses. Whoever needs more includes it as well: <torch/nn.h> has all layers, <torch/all.h>
/// has all.

#include <torch/autograd.h>
#include <torch/cuda.h>
#include <torch/fft.h>
#include <torch/nn/functional/embedding.h>
#include <torch/nn/functional/linear.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/init.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/nn/utils/rnn.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>
