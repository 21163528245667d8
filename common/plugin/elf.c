/*
 * Only what is needed: file header, section headers, the one section of type SHT_DYNSYM and the string table it names.
 * Symbol values are virtual addresses, found in the file through the program header (PT_LOAD) that covers them.
 *
 *     Ehdr -> e_shoff -> [Shdr DYNSYM] -> [Sym]* -- st_name  --> [Shdr STRTAB]
 *          -> e_phoff -> [Phdr LOAD]          \--- st_value --> file offset
 */
#include "plugin/elf.h"

#include <elf.h>
#include <string.h>

#if defined(__x86_64__)
#define THIS_MACHINE EM_X86_64
#define THIS_MACHINE_TEXT "x86-64"
#elif defined(__aarch64__)
#define THIS_MACHINE EM_AARCH64
#define THIS_MACHINE_TEXT "AArch64"
#else
#error "name this machine's ELF number here"
#endif

typedef struct elf_view {
    const char *path;
    const uint8_t *bytes;
    size_t size;
    Elf64_Ehdr header;
} elf_view;

/* Copies `size` bytes at `offset` out, whatever their alignment. */
static bool read_at(const elf_view *v, uint64_t offset, void *out, size_t size)
{
    if (offset > v->size || size > v->size - offset) {
        return false;
    }
    memcpy(out, v->bytes + offset, size);
    return true;
}

static wsl_status damaged(const elf_view *v, wsl_error *err)
{
    return wsl_fail(err, WSL_FORMAT, "'%s' is a damaged or truncated shared object; build it again", v->path);
}

static wsl_status check_header(elf_view *v, wsl_error *err)
{
    Elf64_Ehdr *h = &v->header;
    if (v->size < SELFMAG || memcmp(v->bytes, ELFMAG, SELFMAG) != 0) {
        return wsl_fail(err, WSL_FORMAT,
                        "'%s' is not a shared object (not an ELF file); a job is a .so built with -shared, "
                        "or a .c or .json file",
                        v->path);
    }
    if (!read_at(v, 0, h, sizeof *h)) {
        return damaged(v, err);
    }
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != THIS_MACHINE) {
        return wsl_fail(err, WSL_FORMAT, "'%s' is built for another kind of machine; build it for %s", v->path,
                        THIS_MACHINE_TEXT);
    }
    if (h->e_type != ET_DYN) {
        return wsl_fail(err, WSL_FORMAT, "'%s' is an ELF file but not a shared object; link the job with -shared -fPIC",
                        v->path);
    }
    if (h->e_shentsize != sizeof(Elf64_Shdr) || h->e_phentsize != sizeof(Elf64_Phdr)) {
        return damaged(v, err);
    }
    return WSL_OK;
}

static bool section_at(const elf_view *v, uint64_t index, Elf64_Shdr *out)
{
    return index < v->header.e_shnum && v->header.e_shoff <= v->size &&
           read_at(v, v->header.e_shoff + index * sizeof *out, out, sizeof *out);
}

/* Reads the first four bytes of what lies at a virtual address; false if they are not in the file (.bss). */
static bool value_at(const elf_view *v, uint64_t address, uint32_t *out)
{
    for (uint64_t i = 0; i < v->header.e_phnum && v->header.e_phoff <= v->size; i++) {
        Elf64_Phdr p;
        if (!read_at(v, v->header.e_phoff + i * sizeof p, &p, sizeof p)) {
            return false;
        }
        if (p.p_type == PT_LOAD && address >= p.p_vaddr && p.p_filesz >= sizeof *out &&
            address - p.p_vaddr <= p.p_filesz - sizeof *out && p.p_offset <= v->size) {
            return read_at(v, p.p_offset + (address - p.p_vaddr), out, sizeof *out);
        }
    }
    return false;
}

static bool name_is(const elf_view *v, const Elf64_Shdr *strings, uint32_t at, const char *name)
{
    const size_t size = strlen(name) + 1;
    return at < strings->sh_size && size <= strings->sh_size - at && strings->sh_offset <= v->size &&
           at <= v->size - strings->sh_offset && size <= v->size - strings->sh_offset - at &&
           memcmp(v->bytes + strings->sh_offset + at, name, size) == 0;
}

static void match(const elf_view *v, const Elf64_Sym *sym, const Elf64_Shdr *strings, wsl_elf_symbol *symbols,
                  uint32_t n_symbols)
{
    const unsigned visibility = ELF64_ST_VISIBILITY(sym->st_other);
    if (sym->st_shndx == SHN_UNDEF || ELF64_ST_BIND(sym->st_info) == STB_LOCAL ||
        (visibility != STV_DEFAULT && visibility != STV_PROTECTED)) {
        return;
    }
    for (uint32_t i = 0; i < n_symbols; i++) {
        if (!symbols[i].found && name_is(v, strings, sym->st_name, symbols[i].name)) {
            symbols[i].found = true;
            symbols[i].has_value = value_at(v, sym->st_value, &symbols[i].value);
        }
    }
}

wsl_status wsl_elf_inspect(const char *path, const void *bytes, size_t size, wsl_elf_symbol *symbols,
                           uint32_t n_symbols, wsl_error *err)
{
    elf_view v = {.path = path, .bytes = bytes, .size = size};
    for (uint32_t i = 0; i < n_symbols; i++) {
        symbols[i] = (wsl_elf_symbol){.name = symbols[i].name};
    }
    WSL_TRY(check_header(&v, err));
    for (uint64_t s = 0; s < v.header.e_shnum; s++) {
        Elf64_Shdr table, strings;
        if (!section_at(&v, s, &table)) {
            return damaged(&v, err);
        }
        if (table.sh_type != SHT_DYNSYM) {
            continue;
        }
        if (!section_at(&v, table.sh_link, &strings) || table.sh_entsize != sizeof(Elf64_Sym) ||
            table.sh_offset > size || table.sh_size > size - table.sh_offset) {
            return damaged(&v, err);
        }
        for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
            Elf64_Sym sym;
            memcpy(&sym, v.bytes + table.sh_offset + at, sizeof sym);
            match(&v, &sym, &strings, symbols, n_symbols);
        }
    }
    return WSL_OK;
}
