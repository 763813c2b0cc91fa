module twofold/generator

go 1.25
