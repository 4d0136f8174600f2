" Vim syntax file of .net models. Made by `netc doc editor`; do not edit.
" Use: copy to ~/.vim/syntax/net.vim, and put this into ~/.vim/ftdetect/net.vim:
"   autocmd BufRead,BufNewFile *.net setfiletype net
if exists('b:current_syntax')
  finish
endif

syntax keyword netItem network block let use init data train
syntax keyword netStructure seq repeat from output
syntax keyword netOperator abrelu relu leaky_relu elu selu gelu softplus tanh lecun_tanh sigmoid batchnorm conv dense dropout cross_entropy binary_cross_entropy mse squared_error huber smooth_l1 lrn maxout add mul max concat noise pdelu maxpool avgpool l2pool prelu input flatten identity shortcut softmax swish
syntax keyword netForm sgd momentum nesterov adagrad adadelta rmsprop adam adamw constant normal uniform lecun_normal lecun_uniform xavier_normal xavier_uniform xavier_fan_in xavier_caffe he_normal he_uniform orthogonal lsuv log choice idx csv images npy cifar spiral road auto k_fold none center_image center_channel standardize scale given whiten shift mirror crop rotate scale shear distort blur color noise constant power exponential step piecewise cosine one_cycle plateau warmup constant piecewise linear one_cycle all grow none norm value sign none annealed weights all none patience error_change weight_change gradient_norm none file group accuracy top_k
syntax keyword netConstant yes no same global learn
syntax match netLabel '^\s*\h\w*\ze\s*:'
syntax match netKey '\h\w*\ze\s*='
syntax match netNumber '\<\d\+\(x\d\+\)*\>'
syntax match netNumber '\(\<\d\+\)\?\.\d\+\([eE][-+]\?\d\+\)\?'
syntax match netNumber '\<\d\+[eE][-+]\?\d\+\>'
syntax match netNumber '\<\d\+%'
syntax region netString start=+"+ skip=+\\"+ end=+"+ oneline
syntax match netArrow '->'
syntax match netComment '#.*$'

highlight default link netItem Keyword
highlight default link netStructure Statement
highlight default link netOperator Function
highlight default link netForm Type
highlight default link netConstant Constant
highlight default link netLabel Label
highlight default link netKey Identifier
highlight default link netNumber Number
highlight default link netString String
highlight default link netArrow Operator
highlight default link netComment Comment

setlocal commentstring=#\ %s
let b:current_syntax = 'net'
