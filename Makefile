# Shortcuts; the build itself is CMakeLists.txt, its settings are CMakePresets.json.
.PHONY: build test lint run cuda asan tsan format clean
build:
	cmake --preset dev && cmake --build --preset dev
test:
	./test.sh
lint:
	python3 tools/tidy.py
run:
	./run.sh
asan tsan:
	cmake --preset $@ && cmake --build --preset $@ && ctest --preset $@
cuda:
	cmake --preset cuda && cmake --build --preset cuda
format:
	git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.cu' '*.cuh' '*.inc' | \
	    xargs clang-format -i
clean:
	rm -rf build
